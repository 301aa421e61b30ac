/// What the expositions of a family have in common, written out once.
struct FamilyText: Sendable {
    let name: String
    /// The lines before the samples.
    let textHeader: [UInt8]
    let openMetricsHeader: [UInt8]
    /// The name of the samples of a counter or gauge.
    let sample: [UInt8]
    /// The names of a histogram's samples.
    let bucket: [UInt8]
    let sum: [UInt8]
    let count: [UInt8]
    /// The last label of each bucket, `+Inf` included: `le="0.005"} `.
    let bounds: [[UInt8]]
    /// OpenMetrics 1.0.0: a histogram with negative buckets has no sum, and without a sum no count.
    let hasNegativeBounds: Bool

    init(name: String, kind: MetricKind, help: String, unit: String?, bounds: [Double]) {
        self.name = name
        let sampleName = kind == .counter ? name + "_total" : name
        // A carriage return has no escape, and may not end a line.
        let help = String(String.UnicodeScalarView(help.unicodeScalars.map { $0 == "\r" ? " " : $0 }))

        var text = Array("# HELP \(sampleName) ".utf8)
        Escaping.append(help, to: &text, quotes: false)
        text.append(contentsOf: "\n# TYPE \(sampleName) \(kind)\n".utf8)
        textHeader = text

        var openMetrics = Array("# TYPE \(name) \(kind)\n".utf8)
        if let unit, !unit.isEmpty, name.hasSuffix("_" + unit) {
            openMetrics.append(contentsOf: "# UNIT \(name) \(unit)\n".utf8)
        }
        openMetrics.append(contentsOf: "# HELP \(name) ".utf8)
        Escaping.append(help, to: &openMetrics, quotes: true)
        openMetrics.append(UInt8(ascii: "\n"))
        openMetricsHeader = openMetrics

        sample = Array(sampleName.utf8)
        bucket = Array("\(name)_bucket{".utf8)
        sum = Array("\(name)_sum".utf8)
        count = Array("\(name)_count".utf8)
        self.bounds = (bounds + [.infinity]).map { Array("le=\"\(NumberText.bound($0))\"} ".utf8) }
        hasNegativeBounds = bounds.first.map { $0 < 0 } ?? false
    }
}
