/// Texts from outside in the markup of chats.
enum ChatText {
    /// With a backslash in front of what would be markup, and U+FFFD for what could make text read differently. Cut
    /// between characters, never behind a lone backslash, at `limit` (in UTF-16, which is never less than what services count),
    /// with an ellipsis.
    static func escape(_ text: String, _ markup: Set<Unicode.Scalar>, limit: Int) -> String {
        var result = ""
        var count = 0
        // Where to cut when the rest does not fit with room for the ellipsis.
        var cut = result.endIndex
        for character in text {
            var escaped = ""
            for scalar in character.unicodeScalars {
                if markup.contains(scalar) { escaped += "\\" }
                escaped.unicodeScalars.append(scalar == "\t" ? " " : scalar.isUnsafe ? "\u{FFFD}" : scalar)
            }
            count += escaped.utf16.count
            if count > limit { return String(result[..<cut]) + (limit > 0 ? "…" : "") }
            result += escaped
            if count <= limit - 1 { cut = result.endIndex }
        }
        return result
    }

    /// The same without markup.
    static func plain(_ text: String, limit: Int) -> String { escape(text, [], limit: limit) }
}
