/// Rows whose columns stand under each other.
struct TextTable {
    private var columns: TextColumns
    private var rows: [[String]] = []

    /// - Parameter columns: their heads; those that end in a `>` stand on the right.
    init(_ columns: [String]) {
        self.columns = TextColumns(columns)
        rows = [self.columns.head]
    }

    /// Columns that are missing are empty.
    mutating func add(_ cells: [String]) {
        let row = cells.prefix(columns.count).map { $0.replacingUnsafeCharacters() }
        columns.measure(row)
        rows.append(row)
    }

    /// - Parameter width: what a line may take; the first column gives way for the others, and the last is cut off.
    func lines(width: Int = .max) -> [String] {
        var columns = columns
        columns.fit(width)
        return rows.map { columns.line($0, width: width) }
    }

    static func cut(_ text: String, _ width: Int) -> String { TextColumns.cut(text, width) }
}
