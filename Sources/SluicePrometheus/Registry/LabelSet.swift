/// A series' labels in their canonical form: valid names, each once, sorted; without empty values, which mean the same
/// to Prometheus as no label.
struct LabelSet: Sendable {
    struct Label: Sendable, Hashable {
        var name: String
        var value: String
    }

    private(set) var labels: [Label] = []

    /// The last of several values for one name wins.
    /// - Parameter reserved: the name that the exposition itself adds (a histogram's `le`); a label of that name gets the
    ///   prefix that Prometheus gives to such labels, `exported_`.
    init(_ dimensions: [(String, String)], reserved: String?) {
        labels.reserveCapacity(dimensions.count)
        for (name, value) in dimensions {
            var name = MetricName.label(name)
            if name == reserved { name = "exported_" + name }
            if labels.contains(where: { $0.name == name }) { labels.removeAll { $0.name == name } }
            if !value.isEmpty { labels.append(Label(name: name, value: value)) }
        }
        labels.sort { $0.name < $1.name }
    }

    mutating func mapValues(_ transform: (Label) -> String) {
        for index in labels.indices { labels[index].value = transform(labels[index]) }
    }

    /// `a="1",b="2"`, escaped.
    func rendered() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(labels.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count + 4 })
        for label in labels {
            if !bytes.isEmpty { bytes.append(UInt8(ascii: ",")) }
            bytes.append(contentsOf: label.name.utf8)
            bytes.append(contentsOf: "=\"".utf8)
            Escaping.append(label.value, to: &bytes, quotes: true)
            bytes.append(UInt8(ascii: "\""))
        }
        return bytes
    }
}
