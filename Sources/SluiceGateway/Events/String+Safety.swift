extension Unicode.Scalar {
    /// Whether the character can break a line, move a cursor, or make text read differently from what it is: the
    /// control characters, the separators of lines and paragraphs, and what changes the direction of writing.
    package var isUnsafe: Bool {
        switch value {
        case 0..<0x20, 0x7F...0x9F: true
        case 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069: true
        default: false
        }
    }

    fileprivate var breaksLine: Bool { value == 0x0A || value == 0x0D || value == 0x2028 || value == 0x2029 }
}

extension String {
    package var hasUnsafeCharacters: Bool {
        // All but ASCII's own control characters begin with one of these bytes in UTF-8.
        for byte in utf8 where byte < 0x20 || byte == 0x7F || byte == 0xC2 || byte == 0xE2 {
            return unicodeScalars.contains(where: \.isUnsafe)
        }
        return false
    }

    /// With U+FFFD in place of every unsafe character; a tab, which only makes room, becomes a space.
    package func replacingUnsafeCharacters() -> String {
        guard hasUnsafeCharacters else { return self }
        var result = String.UnicodeScalarView()
        for scalar in unicodeScalars { result.append(scalar == "\t" ? " " : scalar.isUnsafe ? "\u{FFFD}" : scalar) }
        return String(result)
    }

    /// As much from the front as fits, never splitting a code point.
    package func truncated(toBytes limit: Int) -> String {
        guard utf8.count > limit else { return self }
        var end = utf8.index(utf8.startIndex, offsetBy: max(0, limit))
        // A byte of this form goes on with a code point.
        while end > utf8.startIndex, utf8[end] & 0xC0 == 0x80 { end = utf8.index(before: end) }
        return String(self[..<end])
    }

    /// What stands before the first line break, without spaces around it.
    package var firstLine: String {
        var text = self
        // Where no other spaces than ASCII's can stand around it, bytes say all that characters would, in a tenth of the time.
        if let line = text.withUTF8({ bytes in bytes.firstLine.map { String(decoding: bytes[$0], as: UTF8.self) } }) {
            return line
        }
        let line = unicodeScalars.drop(while: \.properties.isWhitespace).prefix { !$0.breaksLine }
        var scalars = Substring.UnicodeScalarView(line)
        while let last = scalars.last, last.properties.isWhitespace { scalars.removeLast() }
        return String(scalars)
    }

    /// Whether it is a line of printable ASCII, not empty and at most so long, without spaces around it: most texts are, and every
    /// rule here leaves those as they are.
    func isPlainLine(upTo limit: Int) -> Bool {
        guard utf8.count <= limit, let first = utf8.first, first != 0x20, utf8.last != 0x20 else { return false }
        return utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F }
    }
}

extension UnsafeBufferPointer<UInt8> {
    /// Where ``Swift/String/firstLine`` is; nil where it begins or ends with a character that is not ASCII, and may be a space.
    fileprivate var firstLine: Range<Int>? {
        guard let start = firstIndex(where: { !$0.isSpace }) else { return 0..<0 }
        guard self[start] < 0x80 else { return nil }
        var end = start
        while end < count, self[end] != 0x0A, self[end] != 0x0D, !separatesLines(at: end) { end += 1 }
        while self[end - 1].isSpace { end -= 1 }
        return self[end - 1] < 0x80 ? start..<end : nil
    }

    /// Whether U+2028 or U+2029 stands there.
    private func separatesLines(at index: Int) -> Bool {
        self[index] == 0xE2 && index + 2 < count && self[index + 1] == 0x80 && self[index + 2] & 0xFE == 0xA8
    }

    /// ``Swift/String/isPlainLine(upTo:)`` of bytes that are no string yet.
    func isPlainLine(upTo limit: Int) -> Bool {
        guard count <= limit, let first, first != 0x20, last != 0x20 else { return false }
        return allSatisfy { $0 >= 0x20 && $0 < 0x7F }
    }
}

extension UInt8 {
    /// Whether it is one of ASCII's spaces, line breaks among them.
    fileprivate var isSpace: Bool { self == 0x20 || (0x09...0x0D).contains(self) }
}
