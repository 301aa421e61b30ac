/// Text in lines that are no longer than the screen is wide, where words allow it.
enum TextWrap {
    /// - Parameters:
    ///   - indent: before every line; `further` before those after the first.
    static func lines(_ text: String, width: Int, indent: Int = 0, further: Int = 2) -> [String] {
        var lines: [String] = []
        var line = String(repeating: " ", count: indent)
        var isEmpty = true
        for word in text.split(separator: " ") {
            if !isEmpty, line.count + 1 + word.count > width {
                lines.append(line)
                line = String(repeating: " ", count: indent + further)
                isEmpty = true
            }
            line += isEmpty ? String(word) : " \(word)"
            isEmpty = false
        }
        return lines + [line]
    }
}
