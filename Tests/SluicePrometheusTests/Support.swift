import Foundation
import SluicePrometheus
import SluiceTesting
import Synchronization
import Testing

extension PrometheusRegistry {
    func text(_ format: ExpositionFormat = .text) -> String {
        String(decoding: exposition(format), as: UTF8.self)
    }

    func read(_ format: ExpositionFormat = .text) -> Exposition {
        Exposition(exposition(format), format: format)
    }
}

/// Collects what a callback says.
final class Recording<Element: Sendable>: Sendable {
    private let elements = Mutex<[Element]>([])

    func append(_ element: Element) {
        elements.withLock { $0.append(element) }
    }

    var all: [Element] { elements.withLock { $0 } }
}

/// A registry, and the conflicts that it reports.
func makeRegistry(
    _ configure: (inout PrometheusRegistry.Configuration) -> Void = { _ in }
) -> (registry: PrometheusRegistry, conflicts: Recording<MetricConflict>) {
    let conflicts = Recording<MetricConflict>()
    var configuration = PrometheusRegistry.Configuration()
    configuration.onConflict = { conflicts.append($0) }
    configure(&configuration)
    do {
        return (try PrometheusRegistry(configuration: configuration), conflicts)
    } catch {
        Issue.record(error)
        return (PrometheusRegistry(), conflicts)
    }
}

/// Label values that have broken expositions elsewhere.
let nastyValues = [
    "nul\0nul", "😀 👩‍👩‍👧", "a#b # {c=\"d\"} 1", "{}", "}", "a,b=\"c\",", "\"", "\"\"", "\n", "a\nb", "\\", "\\n", "\\\"",
    "\\\\",
    "# EOF", "\r", "a\r\nb", "\t", " ", " leading", "trailing ", "é", "e\u{301}", "\u{FEFF}", "\u{2028}", "+Inf", "NaN",
    String(repeating: "x", count: 10_000),
]

/// Everything at once: each kind with and without labels, nasty values and helps, exemplars, strange numbers.
func makeEverything() -> PrometheusRegistry {
    let (registry, _) = makeRegistry { $0.cappedLabelsCounter = "demo_capped_labels_total" }
    registry.describe([
        MetricDescription(
            "demo_requests_total", kind: .counter, help: "A \"quoted\" \\ help\nin two lines\r, with NUL and 😀."),
        MetricDescription("demo_wait_seconds", kind: .histogram, help: "How long.", unit: "seconds"),
        MetricDescription("demo_busy_seconds", kind: .counter, help: "How long busy.", unit: "seconds"),
        MetricDescription(
            "demo_offset_ratio", kind: .histogram, help: "May be negative.", unit: "ratio", buckets: [-1, -0.5, 0, 0.5]),
        MetricDescription("sluice_build_info", kind: .gauge, help: "The build.", labels: ["version", "swift"]),
        MetricDescription("demo_deployments_total", kind: .counter, help: "Capped.", caps: ["service": 2]),
        MetricDescription("demo_unused_total", kind: .counter, help: "It is never used."),
    ])
    for (index, value) in nastyValues.enumerated() {
        registry.counter("demo_requests", [("path", value), ("index", "\(index)")]).increment(by: Int64(index))
        registry.histogram("demo_wait_seconds", [("path", value), ("index", "\(index)")])
            .record(0.3, exemplarLabel: "trace_id", exemplarValue: value)
        registry.gauge("demo_level", [("path", value), ("index", "\(index)")]).set(Double(index) / 7)
    }
    registry.counter("demo_busy_seconds_total").increment(by: 1.5)
    registry.counter("demo_plain").increment(by: 3, exemplarLabel: "correlation_id", exemplarValue: "abc")
    let offsets = registry.histogram("demo_offset_ratio")
    for value in [-2, -0.7, 0, 0.1, 7] { offsets.record(value, exemplarLabel: "trace_id", exemplarValue: "t") }
    registry.gauge("sluice_build_info", [("version", "1"), ("swift", "6.3")]).set(Int64(1))
    for service in ["a", "b", "c", "d"] {
        registry.counter("demo_deployments", [("service", service)]).increment(by: Int64(1))
    }
    let numbers: [Double] = [
        .infinity, -.infinity, .nan, .greatestFiniteMagnitude, .leastNonzeroMagnitude, -0.0, 1e15, 1e16, 1e21, -1e-7,
        0.1,
        9_007_199_254_740_992, 123_456.789,
    ]
    for (index, number) in numbers.enumerated() {
        registry.gauge("demo_numbers", [("index", "\(index)")]).set(number)
    }
    let infinite = registry.histogram("demo_infinite")
    for value in [Double.infinity, -.infinity, .nan, .greatestFiniteMagnitude, -1] { infinite.record(value) }
    registry.collectProcess()
    return registry
}

/// Runs a program; nil when it is not there.
func run(_ arguments: [String], input: [UInt8]? = nil) throws -> (status: Int32, output: String)? {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let inputFile = folder.appendingPathComponent("input")
    let outputFile = folder.appendingPathComponent("output")
    try Data(input ?? []).write(to: inputFile)
    try Data().write(to: outputFile)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = arguments
    process.standardInput = try FileHandle(forReadingFrom: inputFile)
    let output = try FileHandle(forWritingTo: outputFile)
    process.standardOutput = output
    process.standardError = output
    try process.run()
    process.waitUntilExit()
    if process.terminationStatus == 127 { return nil }
    return (process.terminationStatus, String(decoding: try Data(contentsOf: outputFile), as: UTF8.self))
}
