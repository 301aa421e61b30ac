/// What docs/SQL-SINK.md says of keys, tables and views: made from the program.
public enum SQLSinkDocuments {
    /// The page with its parts as the program has them.
    public static func page(_ text: String) throws -> String {
        try MarkedDocument(text).replacing([
            "keys": ScenarioDocuments.table(SQLSinkOptions.keys.rows(SQLSinkOptions(path: ""))), "tables": tables,
            "views": views,
        ])
    }

    private static var tables: String { "```\n\(SQLSchema.tables)\n```\n" }

    private static var views: String {
        "| view | what it shows |\n|---|---|\n" + SQLView.all.map { "| `\($0.name)` | \($0.meaning) |\n" }.joined()
    }
}
