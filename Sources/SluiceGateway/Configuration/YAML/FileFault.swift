/// What is wrong at one place of a file.
public struct FileFault: Error, Sendable, Hashable, CustomStringConvertible {
    /// From 1.
    public let line: Int
    /// From 1, in Unicode scalars.
    public let column: Int
    /// What is expected, or what is not known there. It repeats no value, which may be a secret; keys it does.
    public let text: String
    /// The file's path, where there are several.
    public var file: String?

    public var description: String { "\(line):\(column): \(text)" }
}

/// Everything that is wrong with a file, in the order in which it stands there.
public struct FileFaults: Error, Sendable, CustomStringConvertible {
    /// As it was given.
    public let path: String
    public let faults: [FileFault]
    /// What a configuration was read from; nil for other files.
    var origin: ConfigurationFile.Origin?
    /// The lines that have faults, by their places; none where a line is empty.
    private let lines: [Line: String]

    private struct Line: Hashable {
        let file: String
        let number: Int
    }

    /// - Parameters:
    ///   - texts: of the files, by their paths.
    ///   - hidesValues: whether lines are shown as far as their keys, because a value may be a secret.
    init(path: String, faults: [FileFault], texts: [String: String] = [:], hidesValues: Bool = false) {
        self.path = path
        self.faults = Array(Set(faults)).sorted {
            ($0.file ?? "", $0.line, $0.column, $0.text) < ($1.file ?? "", $1.line, $1.column, $1.text)
        }
        let all = texts.mapValues { $0.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) }
        var lines: [Line: String] = [:]
        for fault in self.faults {
            let place = Line(file: fault.file ?? path, number: fault.line)
            guard let text = all[place.file], text.indices.contains(fault.line - 1),
                text[fault.line - 1].contains(where: { !$0.isWhitespace })
            else { continue }
            let line = String(text[fault.line - 1]).replacingUnsafeCharacters()
            lines[place] = hidesValues ? Self.hidingValue(line) : line
        }
        self.lines = lines
    }

    init(path: String, faults: [FileFault], text: String) {
        self.init(path: path, faults: faults, texts: [path: text])
    }

    /// A line for each fault, `path:line:column: text`, and below it the line of the file with a mark at the place.
    public var description: String {
        faults.map { fault in
            let head = "\(fault.file ?? path):\(fault)"
            guard let line = lines[Line(file: fault.file ?? path, number: fault.line)] else { return head }
            return head + "\n" + Self.excerpt(line, fault)
        }.joined(separator: "\n")
    }

    /// The line as far as its key: `  token: …`.
    private static func hidingValue(_ line: String) -> String {
        let indentation = line.prefix { $0 == " " || $0 == "-" }
        let content = line[indentation.endIndex...]
        let key = content.prefix { $0 == "_" || $0 == "-" || $0 == "." || $0.isASCII && ($0.isLetter || $0.isNumber) }
        let rest = content[key.endIndex...]
        // The rest of a text that goes over several lines may have a colon, too.
        guard !key.isEmpty, rest.first == ":", rest.dropFirst().first?.isWhitespace ?? true else {
            return "\(indentation)…"
        }
        return rest.dropFirst().allSatisfy(\.isWhitespace) ? line : "\(indentation)\(key): …"
    }

    private static func excerpt(_ line: String, _ fault: FileFault) -> String {
        // A long line is shown around the fault.
        let scalars = Array(line.unicodeScalars)
        let column = min(fault.column - 1, scalars.count)
        let start = column > 90 ? column - 60 : 0
        var shown = String.UnicodeScalarView()
        shown.append(contentsOf: scalars[start..<min(scalars.count, start + 110)])
        let number = "\(fault.line)"
        let margin = String(repeating: " ", count: number.count)
        let mark = String(repeating: " ", count: max(0, column - start))
        return "  \(number) | \(String(shown))\n  \(margin) | \(mark)^"
    }
}
