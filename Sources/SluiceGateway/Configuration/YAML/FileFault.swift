/// What is wrong at one place of a file.
public struct FileFault: Error, Sendable, Hashable, CustomStringConvertible {
    /// From 1.
    public let line: Int
    /// From 1, in Unicode scalars.
    public let column: Int
    /// What is expected, or what is not known there. It repeats no value, which may be a secret; keys it does.
    public let text: String

    public var description: String { "\(line):\(column): \(text)" }
}

/// Everything that is wrong with a file, in the order in which it stands there.
public struct FileFaults: Error, Sendable, CustomStringConvertible {
    /// As it was given.
    public let path: String
    public let faults: [FileFault]
    /// The file's lines that have faults; empty where a line may hold a secret.
    let lines: [Int: String]

    init(path: String, faults: [FileFault], text: String? = nil) {
        self.path = path
        self.faults = Array(Set(faults)).sorted { ($0.line, $0.column, $0.text) < ($1.line, $1.column, $1.text) }
        let all = text.map { $0.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) } ?? []
        var lines: [Int: String] = [:]
        for fault in self.faults where all.indices.contains(fault.line - 1) {
            guard all[fault.line - 1].contains(where: { !$0.isWhitespace }) else { continue }
            lines[fault.line] = String(all[fault.line - 1]).replacingUnsafeCharacters()
        }
        self.lines = lines
    }

    /// A line for each fault, `path:line:column: text`, and below it the line of the file with a mark at the place.
    public var description: String {
        faults.map { fault in
            let head = "\(path):\(fault)"
            guard let line = lines[fault.line] else { return head }
            return head + "\n" + Self.excerpt(line, fault)
        }.joined(separator: "\n")
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
