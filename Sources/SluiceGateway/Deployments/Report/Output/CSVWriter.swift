/// Writes comma-separated values (RFC 4180). What comes from outside cannot become a formula of a spreadsheet's.
struct CSVWriter {
    private(set) var text = ""

    /// One cell of a row.
    enum Cell {
        /// What may have come from outside.
        case text(String?)
        case number(Double?)
        case count(Int?)
    }

    mutating func row(_ cells: [Cell]) {
        text += cells.map(Self.written).joined(separator: ",")
        text += "\r\n"
    }

    private static func written(_ cell: Cell) -> String {
        switch cell {
        case .text(let text): text.map(quoted) ?? ""
        case .number(let number): number.map { "\($0)" } ?? ""
        case .count(let count): count.map { "\($0)" } ?? ""
        }
    }

    /// What spreadsheets take for the beginning of a formula gets an apostrophe in front, as OWASP advises.
    private static func quoted(_ text: String) -> String {
        var text = text.replacingUnsafeCharacters()
        if let first = text.unicodeScalars.first,
            "=+-@\u{FF1D}\u{FF0B}\u{FF0D}\u{FF20}\u{FFFD}".unicodeScalars.contains(first)
        {
            text = "'" + text
        }
        guard
            text.utf8.contains(where: { $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: ";") }
            )
        else { return text }
        return "\"\(text.replacing("\"", with: "\"\""))\""
    }
}
