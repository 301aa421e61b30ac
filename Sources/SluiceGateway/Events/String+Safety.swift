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
        var result = String.UnicodeScalarView()
        var count = 0
        for scalar in unicodeScalars {
            count += UTF8.width(scalar)
            if count > limit { break }
            result.append(scalar)
        }
        return String(result)
    }

    /// What stands before the first line break, without spaces around it.
    package var firstLine: String {
        let line = unicodeScalars.drop(while: \.properties.isWhitespace).prefix {
            !($0.value == 0x0A || $0.value == 0x0D || $0.value == 0x2028 || $0.value == 0x2029)
        }
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
    /// ``Swift/String/isPlainLine(upTo:)`` of bytes that are no string yet.
    func isPlainLine(upTo limit: Int) -> Bool {
        guard count <= limit, let first, first != 0x20, last != 0x20 else { return false }
        return allSatisfy { $0 >= 0x20 && $0 < 0x7F }
    }
}
