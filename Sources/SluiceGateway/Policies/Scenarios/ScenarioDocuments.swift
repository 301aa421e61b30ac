/// What docs/SCENARIOS.md says of the keys: made from them.
public enum ScenarioDocuments {
    /// The document with its tables as the program has the keys.
    public static func scenarios(_ text: String) throws -> String {
        try MarkedDocument(text).replacing(Dictionary(uniqueKeysWithValues: parts.map { ($0.name, $0.table) }))
    }

    /// Every path of keys that a scenario may have, such as `sinks.NAME.retry.attempts`.
    static var paths: [String] { rows.map { $0.path.joined(separator: ".") } }

    private static var rows: [KeyRow] { Scenario.keys.rows(Scenario()) }

    private static var parts: [(name: String, table: String)] {
        let sections = ["destinations", "sinks", "arrivals", "answers", "expect"]
        let whole = rows.filter { !sections.contains($0.path.first ?? "") || $0.path.count == 1 }
        return [("keys", table(whole))]
            + sections.map { section in
                let inside = rows.filter { $0.path.first == section && $0.path.count > 1 }
                return ("keys of \(section)", table(inside.map { $0.without(section) }))
            }
    }

    static func table(_ rows: [KeyRow]) -> String {
        "| key | value | default | meaning |\n|---|---|---|---|\n"
            + rows.map { row in
                let standard = row.standard.map { $0.isEmpty ? "–" : "`\($0)`" } ?? "–"
                return "| `\(row.path.joined(separator: "."))` | \(row.expected) | \(standard) | \(row.meaning) |\n"
            }.joined()
    }
}

extension KeyRow {
    /// Without the section, and the names that people choose within it.
    fileprivate func without(_ section: String) -> KeyRow {
        var row = self
        row.path.removeFirst()
        if row.path.first == "NAME", row.path.count > 1 { row.path.removeFirst() }
        return row
    }
}
