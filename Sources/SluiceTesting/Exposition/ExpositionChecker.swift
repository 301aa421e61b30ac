public import SluicePrometheus

/// Finds what is wrong in the expositions of one program, beyond what Prometheus' own parsers refuse.
///
/// That is: everything that does not parse; families without TYPE or HELP, interleaved, or with clashing names; duplicate
/// series, empty labels counted as none; histograms whose buckets fall, are out of order, lack `+Inf`, or disagree with
/// their count; counters that are negative or NaN; exemplars outside of their bucket or in the wrong place; and, from
/// one exposition to the next, counts that fall. For tests of programs that expose metrics:
///
///     var checker = ExpositionChecker(format: .openMetrics)
///     #expect(checker.check(body) == [])
///     #expect(checker.check(later) == [])
public struct ExpositionChecker: Sendable {
    private let format: ExpositionFormat
    /// What must not fall, by series.
    private var counts: [String: Double] = [:]
    private var types: [String: String] = [:]

    /// - Parameter format: of the expositions; default: Prometheus's text.
    public init(format: ExpositionFormat = .text) {
        self.format = format
    }

    /// What is wrong in `body`, in itself and compared to the body before. Series may come and go.
    public mutating func check(_ body: [UInt8]) -> [ExpositionProblem] {
        let exposition = Exposition(body, format: format)
        var problems = exposition.problems
        var seen: [String: Int] = [:]
        var names: [String: String] = [:]
        var newCounts: [String: Double] = [:]
        func report(_ line: Int, _ message: String) {
            problems.append(ExpositionProblem(line: line, message: message))
        }
        for family in exposition.families {
            checkMetadata(family, &names, report)
            if let type = family.type, let before = types.updateValue(type, forKey: family.name), before != type {
                report(family.line, "\(family.name) was a \(before) before")
            }
            for sample in family.samples {
                let identity = sample.identity
                if let first = seen.updateValue(sample.line, forKey: identity) {
                    report(sample.line, "the series \(identity) stands in line \(first) already")
                }
                check(sample, family, report)
            }
            if family.type == "histogram" { checkHistograms(family, report) }
            for sample in family.samples where isCount(sample, family) {
                let identity = sample.identity
                if let before = counts[identity], sample.value < before {
                    report(sample.line, "\(identity) fell from \(before) to \(sample.value)")
                }
                newCounts[identity] = sample.value
            }
        }
        counts = newCounts
        return problems
    }

    private var isOpenMetrics: Bool { format == .openMetrics }

    private func checkMetadata(
        _ family: Exposition.Family, _ names: inout [String: String], _ report: (Int, String) -> Void
    ) {
        let types = ["counter", "gauge", "histogram", "summary"]
        let others = isOpenMetrics ? ["unknown", "info", "stateset", "gaugehistogram"] : ["untyped"]
        if let type = family.type {
            if !(types + others).contains(type) { report(family.line, "\(family.name) has the unknown type \(type)") }
        } else if !family.samples.isEmpty {
            report(family.line, "\(family.name) has no TYPE")
        }
        if family.help?.isEmpty ?? true { report(family.line, "\(family.name) has no HELP") }
        if let unit = family.unit, !unit.isEmpty, !family.name.hasSuffix("_" + unit) {
            report(family.line, "\(family.name) does not end in its unit \(unit)")
        }
        if family.type == "counter", family.name.hasSuffix("_total") == isOpenMetrics {
            report(family.line, "the counter \(family.name) \(isOpenMetrics ? "keeps" : "lacks") the suffix _total")
        }
        if family.type != "counter", family.name.hasSuffix("_total") {
            report(family.line, "\(family.name) ends in _total and is no counter")
        }
        let kind = ["counter": MetricKind.counter, "histogram": .histogram][family.type ?? ""] ?? .gauge
        for name in MetricName.claims(of: MetricName.family(family.name, kind: kind), kind: kind) {
            if let other = names.updateValue(family.name, forKey: name), other != family.name {
                report(family.line, "\(family.name) clashes with \(other): both use \(name)")
            }
        }
    }

    private func check(_ sample: ExpositionSample, _ family: Exposition.Family, _ report: (Int, String) -> Void) {
        if isCount(sample, family), sample.value.isNaN || sample.value < 0 {
            report(sample.line, "\(sample.name) is \(sample.value)")
        }
        guard let exemplar = sample.exemplar else { return }
        let isBucket = family.type == "histogram" && sample.name.hasSuffix("_bucket")
        if !isBucket, !(family.type == "counter" && sample.name.hasSuffix("_total")) {
            report(sample.line, "\(sample.name) cannot have an exemplar")
        }
        if isBucket, let bound = sample["le"].flatMap(Self.bound), !(exemplar.value <= bound) {
            report(sample.line, "the exemplar's value \(exemplar.value) lies above its bucket")
        }
    }

    private func isCount(_ sample: ExpositionSample, _ family: Exposition.Family) -> Bool {
        switch family.type {
        case "counter": !sample.name.hasSuffix("_created")
        case "histogram": sample.name.hasSuffix("_bucket") || sample.name.hasSuffix("_count")
        default: false
        }
    }

    private func checkHistograms(_ family: Exposition.Family, _ report: (Int, String) -> Void) {
        var groups: [(identity: String, samples: [ExpositionSample])] = []
        var known: Set<String> = []
        for sample in family.samples {
            var plain = sample
            plain.name = family.name
            let identity = plain.identity(without: "le")
            if groups.last?.identity != identity {
                if !known.insert(identity).inserted {
                    report(sample.line, "the histogram \(identity) is interleaved")
                }
                groups.append((identity, []))
            }
            groups[groups.count - 1].samples.append(sample)
        }
        for (identity, samples) in groups { checkHistogram(identity, samples, report) }
    }

    private func checkHistogram(
        _ identity: String, _ samples: [ExpositionSample], _ report: (Int, String) -> Void
    ) {
        guard let line = samples.first?.line else { return }
        var bound = -Double.infinity
        var count = 0.0
        var isNegative = false
        for sample in samples where sample.name.hasSuffix("_bucket") {
            guard let next = sample["le"].flatMap(Self.bound) else {
                report(sample.line, "a bucket's le is missing or no number")
                continue
            }
            if next <= bound { report(sample.line, "buckets out of order") }
            if sample.value < count { report(sample.line, "a bucket holds less than the one before it") }
            if sample.value != sample.value.rounded() { report(sample.line, "a bucket's value is no whole number") }
            if let exemplar = sample.exemplar, exemplar.value <= bound {
                report(sample.line, "the exemplar's value \(exemplar.value) lies below its bucket")
            }
            isNegative = isNegative || next < 0
            bound = next
            count = sample.value
        }
        if bound != .infinity { report(line, "\(identity) lacks the bucket +Inf") }
        let total = samples.first { $0.name.hasSuffix("_count") }
        let sum = samples.first { $0.name.hasSuffix("_sum") }
        if let total, total.value != count { report(total.line, "the count differs from the bucket +Inf") }
        if isOpenMetrics, isNegative {
            if let sum { report(sum.line, "a histogram with negative buckets has a sum") }
        } else if total == nil || sum == nil {
            report(line, "\(identity) lacks its count or its sum")
        } else if let sum, !isNegative, sum.value.isNaN || sum.value < 0 {
            report(sum.line, "the sum is \(sum.value)")
        }
    }

    private static func bound(_ text: String) -> Double? {
        switch text {
        case "+Inf": .infinity
        case "-Inf": -.infinity
        default: text.utf8.allSatisfy { "0123456789+-.e".utf8.contains($0) } ? Double(text) : nil
        }
    }
}
