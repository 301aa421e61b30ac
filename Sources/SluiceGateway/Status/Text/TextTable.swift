/// Rows whose columns stand under each other.
struct TextTable {
    enum Side { case left, right }

    private let sides: [Side]
    private var rows: [[String]] = []

    /// - Parameter columns: their heads; those that end in a `>` stand on the right.
    init(_ columns: [String]) {
        sides = columns.map { $0.hasSuffix(">") ? .right : .left }
        rows = [columns.map { $0.hasSuffix(">") ? String($0.dropLast()) : $0 }]
    }

    /// Columns that are missing are empty.
    mutating func add(_ cells: [String]) {
        rows.append(sides.indices.map { $0 < cells.count ? cells[$0].replacingUnsafeCharacters() : "" })
    }

    /// - Parameter width: what a line may take; the first column gives way for the others, and the last is cut off.
    func lines(width: Int = .max) -> [String] {
        var widths = sides.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        let others = widths.dropFirst().reduce(0) { $0 + $1 + Self.gap }
        if let first = widths.first, first.addingReportingOverflow(others).partialValue > width {
            widths[0] = min(first, max(8, width - others))
        }
        return rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                let cell = Self.cut(cell, widths[column])
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                line += column == 0 ? "" : String(repeating: " ", count: Self.gap)
                line += sides[column] == .right ? padding + cell : cell + padding
            }
            while line.last == " " { line.removeLast() }
            return Self.cut(line, width)
        }
    }

    private static let gap = 2

    /// The text, or its beginning where it is too long.
    static func cut(_ text: String, _ width: Int) -> String {
        text.count <= width ? text : String(text.prefix(max(0, width - 1))) + "…"
    }
}
