/// What docs/CONFIGURATION.md says of the keys: made from them.
public enum ConfigurationDocuments {
    /// The document with its tables as the program has the keys.
    public static func configuration(_ text: String) throws -> String {
        try MarkedDocument(text).replacing(Dictionary(uniqueKeysWithValues: parts.map { ($0.name, $0.table) }))
    }

    private static var parts: [(name: String, table: String)] {
        let rows = FileSections.keys.rows(FileSections(GatewayConfiguration()))
        func inside(_ section: String, named: Bool = false) -> [KeyRow] {
            rows.filter { $0.path.first == section && $0.path.count > (named ? 2 : 1) }
                .map { $0.dropping(named ? 2 : 1) }
        }
        let common = SinkSection.common.rows(SinkSection(name: "NAME", policy: .standard))
        let kindOfSource = KeyRow(
            path: ["kind"], expected: Registry.sources.map(\.name).joined(last: "or"), standard: nil,
            meaning: "What it takes in")
        let unnamed = [
            ("sections", rows.filter { $0.path.count == 1 }), ("keys of process", inside("process")),
            ("keys of queue", inside("queue")), ("keys of journal", inside("journal")),
            ("keys of defaults", inside("defaults")),
            ("keys of destinations", inside("destinations", named: true)), ("keys of sinks", common),
            ("keys of simulator", inside("simulator")), ("keys of sources", [kindOfSource]),
            ("keys of only", common.filter { $0.path.first == "only" && $0.path.count > 1 }.map { $0.dropping(1) }),
        ]
        let sources = Registry.sources.map { ("keys of the source \($0.name)", KeyRow.options($0.options)) }
        let sinks = Registry.sinks.map { ("keys of the sink \($0.name)", $0.keyRows) }
        return (unnamed + sources + sinks).map { name, rows in (name, table(rows, effect(of: name))) }
    }

    /// What a change of a section's keys takes.
    private static func effect(of part: String) -> @Sendable (KeyRow) -> ConfigurationEffect? {
        switch part {
        case "sections": { _ in nil }
        case "keys of destinations": { _ in .live }
        case "keys of defaults": { $0.path.first == "ordering" ? .route : .live }
        case "keys of sinks":
            { ["kind", "destination", "group", "only", "ordering"].contains($0.path.first ?? "") ? .route : .live }
        case "keys of only": { _ in .route }
        case _ where part.hasPrefix("keys of the sink "): { _ in .route }
        default: { _ in .restart }
        }
    }

    private static func table(_ rows: [KeyRow], _ effect: (KeyRow) -> ConfigurationEffect?) -> String {
        let hasEffects = rows.contains { effect($0) != nil }
        return "| key | value | default |\(hasEffects ? " change |" : "") meaning |\n"
            + "|---|---|---|\(hasEffects ? "---|" : "")---|\n"
            + rows.map { row in
                let standard = row.standard.map { $0.isEmpty ? "–" : "`\($0)`" } ?? "–"
                let change = effect(row).map { " \($0) |" } ?? ""
                let secret = row.isSecret ? "; a secret" : ""
                let key = row.path.joined(separator: ".")
                return "| `\(key)` | \(escaped(row.expected))\(secret) | \(standard) |\(change) "
                    + "\(escaped(row.meaning)) |\n"
            }.joined()
    }

    /// A bar ends a cell.
    private static func escaped(_ text: String) -> String { text.replacing("|", with: "\\|") }
}

extension KeyRow {
    fileprivate func dropping(_ count: Int) -> KeyRow {
        var row = self
        row.path.removeFirst(count)
        return row
    }
}
