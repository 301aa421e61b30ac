/// Columns that are as wide as the widest of their cells: each row is measured first, and written afterwards.
struct TextColumns {
    private enum Side { case left, right }

    /// Between two columns.
    private static let gap = 2

    private let sides: [Side]
    private var widths: [Int]
    private let heads: [String]

    /// - Parameter columns: their heads; those that end in a `>` stand on the right.
    init(_ columns: [String]) {
        sides = columns.map { $0.hasSuffix(">") ? .right : .left }
        heads = columns.map { $0.hasSuffix(">") ? String($0.dropLast()) : $0 }
        widths = heads.map(\.columns)
    }

    var head: [String] { heads }
    var count: Int { sides.count }

    /// - Parameter cells: columns that are missing are empty.
    mutating func measure(_ cells: [String]) {
        for (column, cell) in cells.prefix(count).enumerated() { widths[column] = max(widths[column], cell.columns) }
    }

    /// - Parameter width: what a line may take; the first column gives way for the others, and the last is cut off.
    mutating func fit(_ width: Int) {
        let others = widths.dropFirst().reduce(0) { $0 + $1 + Self.gap }
        guard let first = widths.first, first.addingReportingOverflow(others).partialValue > width else { return }
        widths[0] = min(first, max(8, width - others))
    }

    func line(_ cells: [String], width: Int) -> String {
        var line = ""
        // Spaces wait until something stands behind them.
        var spaces = 0
        for column in 0..<count {
            let cell = column < cells.count ? Self.cut(cells[column], widths[column]) : ""
            let padding = widths[column] - cell.columns
            spaces += (column == 0 ? 0 : Self.gap) + (sides[column] == .right ? padding : 0)
            if !cell.isEmpty {
                line += String(repeating: " ", count: spaces) + cell
                spaces = 0
            }
            if sides[column] == .left { spaces += padding }
        }
        while line.last == " " { line.removeLast() }
        return Self.cut(line, width)
    }

    /// The text, or its beginning where it is too long.
    static func cut(_ text: String, _ width: Int) -> String {
        text.columns <= width ? text : String(text.prefix(max(0, width - 1))) + "…"
    }
}

extension String {
    /// How many characters it has. Most texts are ASCII, whose bytes are counted.
    fileprivate var columns: Int {
        utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F } ? utf8.count : count
    }
}
