/// Reads `.env` files: `NAME=value` lines, as shells and docker compose understand them.
public enum DotEnv {
    /// What a file says.
    struct Contents {
        var values: [String: String] = [:]
        /// What is wrong with lines of known variables, one line each.
        var problems: [String] = []
        /// Other lines that cannot be read, and why.
        var skipped: [(line: Int, problem: String)] = []

        /// One for all lines that were skipped: the file may be another program's as well.
        var warning: String? {
            guard let first = skipped.first?.line else { return nil }
            return skipped.count == 1
                ? ".env line \(first) is not NAME=value and was skipped"
                : ".env line \(first) and \(skipped.count - 1) more are not NAME=value and were skipped"
        }
    }

    /// The variables of a file, and its problems, one line each.
    ///
    /// Empty lines and lines that begin with `#` count for nothing; `export ` in front of a name is allowed. A value
    /// may stand in single quotes (taken as it is) or double quotes (`\n`, `\t`, `\"`, `\\`, `\$` are escapes);
    /// without quotes, ` #` begins a comment. Nothing is expanded. Of a name that comes twice the last value counts.
    public static func parse(_ text: String) -> (values: [String: String], problems: [String]) {
        let contents = contents(of: text) { _ in true }
        return (contents.values, contents.problems)
    }

    /// - Parameter isKnown: whether a variable of this name is ours. What stands on its line must be right; what is
    ///   wrong with any other line is that line's alone.
    static func contents(of text: String, isKnown: (Substring) -> Bool) -> Contents {
        var contents = Contents()
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        var index = 0
        while index < lines.count {
            let number = index + 1
            // Some editors begin a file with a byte order mark.
            var rest = trimmed(index == 0 && lines[0].hasPrefix("\u{FEFF}") ? lines[0].dropFirst() : lines[index])
            index += 1
            if rest.isEmpty || rest.hasPrefix("#") { continue }
            if rest.hasPrefix("export"), rest.dropFirst("export".count).first?.isWhitespace == true {
                rest = trimmed(rest.dropFirst("export".count))
            }
            guard let equals = rest.firstIndex(of: "=") else {
                contents.note("expected NAME=value", line: number, ofKnown: isKnown(firstName(in: rest)))
                continue
            }
            let name = trimmed(rest[..<equals])
            guard isName(name) else {
                contents.note(
                    "expected a name of letters, digits and underscores before the equals sign", line: number,
                    ofKnown: isKnown(firstName(in: rest)))
                continue
            }
            let text = trimmed(rest[rest.index(after: equals)...])
            if let value = value(text) {
                if isKnown(name), value.contains("\u{FFFD}") {
                    contents.problems.append(".env line \(number): \(name) is not UTF-8")
                } else {
                    contents.values[String(name)] = value
                }
            } else if isKnown(name) {
                contents.problems.append(
                    ".env line \(number): \(name) has a quote that does not close at the line's end")
            } else if let end = endOfQuote(text, lines, from: index, isKnown: isKnown) {
                // Such as a key in PEM: another program's variable, which may span lines.
                index = end + 1
            } else {
                contents.note("expected the quote to close", line: number, ofKnown: false)
            }
        }
        return contents
    }

    /// The line on which a quote closes that an earlier one has opened; nil when it does not, or a line of ours stands
    /// in between.
    private static func endOfQuote(
        _ value: Substring, _ lines: [Substring], from start: Int, isKnown: (Substring) -> Bool
    ) -> Int? {
        guard let quote = value.first, quote == "\"" || quote == "'", !value.dropFirst().contains(quote) else {
            return nil
        }
        for index in start..<lines.count {
            let line = lines[index]
            if let equals = line.firstIndex(of: "="), isKnown(firstName(in: line[..<equals])) { return nil }
            if let close = line.firstIndex(of: quote) {
                return isComment(line[line.index(after: close)...]) ? index : nil
            }
        }
        return nil
    }

    /// What a line that cannot be read is probably about.
    private static func firstName(in line: Substring) -> Substring {
        var line = trimmed(line)
        for word in ["export ", "- ", "set ", "setenv ", "declare -x "] where line.hasPrefix(word) {
            line = trimmed(line.dropFirst(word.count))
        }
        return line.prefix { $0 == "_" || $0.isASCII && ($0.isLetter || $0.isNumber) }
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

extension DotEnv.Contents {
    fileprivate mutating func note(_ problem: String, line: Int, ofKnown isKnown: Bool) {
        let problem = ".env line \(line): \(problem)"
        if isKnown { problems.append(problem) } else { skipped.append((line, problem)) }
    }
}
