public import SluicePrometheus

/// An exposition read back: its families with their samples.
///
/// ```swift
/// let exposition = Exposition(body)
/// #expect(exposition.value("orders_total", ["region": "eu"]) == 7)
/// ```
///
/// For tests of what a program exposes; `ExpositionChecker` says whether it is right.
public struct Exposition: Sendable {
    /// A metric with all of its samples.
    public struct Family: Sendable {
        /// As in the TYPE line.
        public var name: String
        /// Such as `counter`; nil without a TYPE line.
        public var type: String?
        /// Still escaped.
        public var help: String?
        public var unit: String?
        public var samples: [ExpositionSample] = []
        /// From 1.
        public var line: Int
    }

    public let format: ExpositionFormat
    public private(set) var families: [Family] = []
    /// What could not be read, and what stands where it must not.
    public private(set) var problems: [ExpositionProblem] = []

    /// Every sample, in order.
    public var samples: [ExpositionSample] { families.flatMap(\.samples) }

    /// The value of the first sample of this name that has all of these labels.
    public func value(_ name: String, _ labels: [String: String] = [:]) -> Double? {
        samples.first { sample in
            sample.name == name && labels.allSatisfy { sample[$0.key] == $0.value }
        }?.value
    }

    /// - Parameters:
    ///   - body: what `/metrics` answered.
    ///   - format: how `body` is written; default: Prometheus's text.
    public init(_ body: [UInt8], format: ExpositionFormat = .text) {
        self.format = format
        guard let last = body.last else {
            if isOpenMetrics { report(0, "the exposition does not end in # EOF") }
            return
        }
        if last != UInt8(ascii: "\n") { report(0, "the exposition does not end in a newline") }
        var isOver = false
        for (index, line) in body.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            if line.endIndex == body.endIndex, line.isEmpty { break }
            if isOver { report(index + 1, "a line follows # EOF") }
            if isOpenMetrics, line.elementsEqual("# EOF".utf8) {
                isOver = true
            } else {
                read(line, index + 1)
            }
        }
        if isOpenMetrics, !isOver { report(0, "the exposition does not end in # EOF") }
    }

    private var isOpenMetrics: Bool { format == .openMetrics }

    private mutating func report(_ line: Int, _ message: String) {
        problems.append(ExpositionProblem(line: line, message: message))
    }

    private mutating func read(_ line: ArraySlice<UInt8>, _ number: Int) {
        if line.last == UInt8(ascii: "\r") { report(number, "the line ends in a carriage return") }
        if line.isEmpty {
            if isOpenMetrics { report(number, "a blank line") }
        } else if line.first == UInt8(ascii: "#") {
            readMetadata(String(decoding: line, as: UTF8.self), number)
        } else {
            var parser = SampleParser(line, line: number, isOpenMetrics: isOpenMetrics)
            do {
                add(try parser.parse())
            } catch {
                problems.append(error)
            }
        }
    }

    private mutating func readMetadata(_ line: String, _ number: Int) {
        let parts = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false).map(String.init)
        guard parts.count >= 3, parts[0] == "#", ["TYPE", "HELP", "UNIT"].contains(parts[1]) else {
            if isOpenMetrics { report(number, "a comment") }
            return
        }
        let name = parts[2]
        let text = parts.count > 3 ? parts[3] : ""
        guard SampleParser.isName(name) else { return report(number, "not a metric name: \(name)") }
        if families.last?.name != name {
            if families.contains(where: { $0.name == name }) { report(number, "the family \(name) is interleaved") }
            families.append(Family(name: name, line: number))
        }
        let index = families.count - 1
        if !families[index].samples.isEmpty { report(number, "\(parts[1]) of \(name) follows its samples") }
        switch parts[1] {
        case "TYPE":
            if families[index].type != nil { report(number, "two TYPE lines for \(name)") }
            families[index].type = text
        case "HELP":
            if families[index].help != nil { report(number, "two HELP lines for \(name)") }
            families[index].help = text
        default:
            if families[index].unit != nil { report(number, "two UNIT lines for \(name)") }
            if !isOpenMetrics { report(number, "only OpenMetrics has UNIT") }
            families[index].unit = text
        }
    }

    private mutating func add(_ sample: ExpositionSample) {
        if let family = families.last, suffixes(of: family).contains(where: { family.name + $0 == sample.name }) {
            families[families.count - 1].samples.append(sample)
            return
        }
        let isLost = families.contains { family in
            suffixes(of: family).contains { family.name + $0 == sample.name }
        }
        report(sample.line, isLost ? "\(sample.name) stands outside of its family" : "\(sample.name) has no TYPE")
        families.append(Family(name: sample.name, samples: [sample], line: sample.line))
    }

    private func suffixes(of family: Family) -> [String] {
        switch family.type {
        case "counter": isOpenMetrics ? ["_total", "_created"] : [""]
        case "histogram": ["_bucket", "_sum", "_count"] + (isOpenMetrics ? ["_created"] : [])
        case "summary": ["", "_sum", "_count"] + (isOpenMetrics ? ["_created"] : [])
        case "info" where isOpenMetrics: ["_info"]
        default: [""]
        }
    }
}
