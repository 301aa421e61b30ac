import SluicePrometheus

/// One line of an exposition, taken apart.
public struct ExpositionSample: Sendable {
    /// What follows ` # ` in OpenMetrics.
    public struct Exemplar: Sendable {
        public var labels: [String: String]
        public var value: Double
        /// Seconds since 1970.
        public var timestamp: Double?
    }

    /// With its suffix, such as `_bucket`.
    public var name: String
    /// Unescaped, in the order of the line.
    public var labels: [(name: String, value: String)]
    public var value: Double
    /// In the format's own unit: seconds in OpenMetrics, milliseconds in the text format.
    public var timestamp: Double?
    public var exemplar: Exemplar?
    /// From 1.
    public var line: Int

    /// The value of a label; nil when the sample does not have it.
    public subscript(label: String) -> String? {
        labels.first { $0.name == label }?.value
    }

    /// What Prometheus tells series apart by: the name and the non-empty labels, sorted.
    public var identity: String {
        identity(without: nil)
    }

    func identity(without label: String?) -> String {
        let labels = labels.filter { !$0.value.isEmpty && $0.name != label }.sorted { $0.name < $1.name }
        var bytes = Array(name.utf8)
        bytes.append(UInt8(ascii: "{"))
        for (name, value) in labels {
            bytes.append(contentsOf: "\(name)=\"".utf8)
            Escaping.append(value, to: &bytes, quotes: true)
            bytes.append(contentsOf: "\",".utf8)
        }
        bytes.append(UInt8(ascii: "}"))
        return String(decoding: bytes, as: UTF8.self)
    }
}
