/// Reads `.env` files: `NAME=value` lines, as shells and docker compose understand them.
public enum DotEnv {
    /// The variables of a file, and its problems, one line each.
    ///
    /// Empty lines and lines that begin with `#` count for nothing; `export ` in front of a name is allowed. A value
    /// may stand in single quotes (taken as it is) or double quotes (`\n`, `\t`, `\"`, `\\`, `\$` are escapes);
    /// without quotes, ` #` begins a comment. Nothing is expanded. Of a name that comes twice the last value counts.
    public static func parse(_ text: String) -> (values: [String: String], problems: [String]) {
        var values: [String: String] = [:]
        var problems: [String] = []
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        for (index, line) in lines.enumerated() {
            // Some editors begin a file with a byte order mark.
            var rest = trimmed(index == 0 && line.hasPrefix("\u{FEFF}") ? line.dropFirst() : line)
            if rest.isEmpty || rest.hasPrefix("#") { continue }
            if rest.hasPrefix("export ") { rest = trimmed(rest.dropFirst("export ".count)) }
            guard let equals = rest.firstIndex(of: "=") else {
                problems.append(".env line \(index + 1): expected NAME=value")
                continue
            }
            let name = trimmed(rest[..<equals])
            guard isName(name) else {
                problems.append(
                    ".env line \(index + 1): expected a name of letters, digits and underscores before the equals sign")
                continue
            }
            guard let value = value(trimmed(rest[rest.index(after: equals)...])) else {
                problems.append(".env line \(index + 1): \(name) has a quote that does not close at the line's end")
                continue
            }
            values[String(name)] = value
        }
        return (values, problems)
    }

    private static func isName(_ text: Substring) -> Bool {
        guard let first = text.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return text.utf8.allSatisfy {
            $0 == UInt8(ascii: "_") || (0x30...0x39).contains($0) || (0x41...0x5A).contains($0)
                || (0x61...0x7A).contains($0)
        }
    }

    private static func value(_ text: Substring) -> String? {
        switch text.first {
        case "'":
            let inside = text.dropFirst()
            guard let close = inside.firstIndex(of: "'"), isComment(inside[inside.index(after: close)...]) else {
                return nil
            }
            return String(inside[..<close])
        case "\"": return doubleQuoted(text.dropFirst())
        default:
            var result = ""
            for character in text {
                if character == "#", result.isEmpty || result.last?.isWhitespace == true { break }
                result.append(character)
            }
            return String(trimmed(result[...]))
        }
    }

    private static func doubleQuoted(_ text: Substring) -> String? {
        var result = ""
        var index = text.startIndex
        while index < text.endIndex {
            let character = text[index]
            index = text.index(after: index)
            if character == "\"" { return isComment(text[index...]) ? result : nil }
            guard character == "\\", index < text.endIndex else {
                result.append(character)
                continue
            }
            switch text[index] {
            case "n": result.append("\n")
            case "t": result.append("\t")
            case "\"", "\\", "$": result.append(text[index])
            default:
                result.append("\\")
                result.append(text[index])
            }
            index = text.index(after: index)
        }
        return nil
    }

    private static func isComment(_ text: Substring) -> Bool {
        let rest = trimmed(text)
        return rest.isEmpty || rest.hasPrefix("#")
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text.drop(while: \.isWhitespace)
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }
}
