import Logging
import Synchronization

/// Which metrics have names that a backend has to change: each is told once, for it is the program's mistake, and may be made for
/// every message.
final class MetricNames: Sendable {
    private let told = Mutex<Set<String>>([])

    /// Logs what Prometheus would show under another name.
    func check(_ metric: Metric, _ logger: @autoclosure () -> Logger) {
        if let problem = Self.problem(metric) { tell(metric.name, problem, logger()) }
    }

    private func tell(_ name: String, _ problem: String, _ logger: Logger) {
        guard told.withLock({ $0.count < 1_000 && $0.insert(name).inserted }) else { return }
        logger.error(
            "a metric is shown under another name than it was given: \(problem)", metadata: ["metric": "\(name)"])
    }

    /// What its name, or the first label that is wrong, should be (prometheus.io, "Data model"); nil where all is well.
    static func problem(_ metric: Metric) -> String? {
        if !isName(metric.name) { return "expected letters, digits and _, and no digit first" }
        if metric.kind == .counter, !metric.name.hasSuffix("_total") {
            return "expected _total at the end of a counter's"
        }
        guard let label = metric.labels.first(where: { !isName($0.name) || $0.name.hasPrefix("__") }) else {
            return nil
        }
        return "expected letters, digits and _ in its label \"\(label.name)\", and no digit or __ first"
    }

    private static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first, !isDigit(first) else { return false }
        return text.utf8.allSatisfy { byte in
            isDigit(byte) || byte == UInt8(ascii: "_")
                || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}
