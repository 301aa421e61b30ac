/// Writes comma-separated values (RFC 4180). What comes from outside cannot become a formula of a spreadsheet's.
struct CSVWriter {
    private(set) var bytes: [UInt8] = []

    /// One cell of a row.
    enum Cell {
        /// What may have come from outside.
        case text(String?)
        case number(Double?)
        case count(Int?)
    }

    mutating func row(_ cells: [Cell]) {
        for (index, cell) in cells.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            add(cell)
        }
        bytes += "\r\n".utf8
    }

    /// Begins anew, once what is written was taken.
    mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    private mutating func add(_ cell: Cell) {
        switch cell {
        case .text(let text): if let text { bytes += Self.quoted(text).utf8 }
        case .number(let number): if let number { bytes += "\(number)".utf8 }
        case .count(let count): if let count { bytes += "\(count)".utf8 }
        }
    }

    /// What spreadsheets take for the beginning of a formula gets an apostrophe in front, as OWASP advises.
    private static func quoted(_ text: String) -> String {
        if isPlain(text) { return text }
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

    /// Whether it stays as it is: most cells do.
    private static func isPlain(_ text: String) -> Bool {
        guard let first = text.utf8.first, !"=+-@".utf8.contains(first) else { return text.isEmpty }
        return text.utf8.allSatisfy { byte in
            byte >= 0x20 && byte < 0x7F && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: ",")
                && byte != UInt8(ascii: ";")
        }
    }
}
