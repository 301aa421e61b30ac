extension JSONReader {
    /// Eight bytes, the first one lowest. The caller knows that they are there.
    @inline(__always)
    func word(at position: Int) -> UInt64 {
        UInt64(littleEndian: UnsafeRawPointer(base + position).loadUnaligned(as: UInt64.self))
    }

    /// Marks, in the top bit of each byte, a quote, a backslash, a control character or a byte beyond ASCII. Marks
    /// above the lowest may be false (a borrow), the lowest is always right.
    @inline(__always)
    private static func special(_ word: UInt64) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let quotes = word ^ (ones &* UInt64(UInt8(ascii: "\"")))
        let backslashes = word ^ (ones &* UInt64(UInt8(ascii: "\\")))
        let found =
            ((quotes &- ones) & ~quotes) | ((backslashes &- ones) & ~backslashes) | ((word &- (ones &* 0x20)) & ~word)
        return (found | word) & 0x8080_8080_8080_8080
    }

    /// Moves past the string whose opening quote is at `position`. Most bytes of a payload are in strings: they are
    /// looked at eight at a time.
    /// - Returns: whether it has escapes.
    mutating func scanString() throws(JSONError) -> Bool {
        var escaped = false
        var next = position + 1
        while true {
            while next <= end - 8 {
                let special = Self.special(word(at: next))
                if special != 0 {
                    next += special.trailingZeroBitCount >> 3
                    break
                }
                next += 8
            }
            guard next < end else {
                position = end
                throw expected("a closing quote")
            }
            switch base[next] {
            case UInt8(ascii: "\""):
                position = next + 1
                return escaped
            case UInt8(ascii: "\\"):
                escaped = true
                next = try scanEscape(at: next)
            case 0..<0x20:
                position = next
                throw expected("no bare control character")
            case 0x20..<0x80: next += 1
            default: next = try scanMultibyte(at: next)
            }
        }
    }

    private mutating func scanEscape(at backslash: Int) throws(JSONError) -> Int {
        position = backslash
        switch byte(at: backslash + 1) {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return backslash + 2
        case UInt8(ascii: "u"):
            // Surrogates need not pair: half a character is shown as such (``unescape(_:)``), and nothing else is lost.
            guard hexadecimal(at: backslash + 2) != nil else { throw expected("four hexadecimal digits") }
            return backslash + 6
        default: throw expected("an escape of JSON")
        }
    }

    private func hexadecimal(at start: Int) -> UInt16? {
        guard start <= end - 4 else { return nil }
        var unit: UInt16 = 0
        for index in start..<start + 4 {
            guard let digit = Self.hexadecimalDigit(base[index]) else { return nil }
            unit = unit << 4 | UInt16(digit)
        }
        return unit
    }

    private static func hexadecimalDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// Moves past one character beyond ASCII (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF).
    private mutating func scanMultibyte(at start: Int) throws(JSONError) -> Int {
        let first = base[start]
        let second = byte(at: start + 1)
        let length: Int
        switch first {
        case 0xC2...0xDF: length = 2
        case 0xE0: length = second >= 0xA0 ? 3 : 0
        case 0xED: length = second <= 0x9F ? 3 : 0
        case 0xE1...0xEF: length = 3
        case 0xF0: length = second >= 0x90 ? 4 : 0
        case 0xF1...0xF3: length = 4
        case 0xF4: length = second <= 0x8F ? 4 : 0
        default: length = 0
        }
        var isValid = length > 0 && second & 0xC0 == 0x80
        if length > 2 { isValid = isValid && byte(at: start + 2) & 0xC0 == 0x80 }
        if length > 3 { isValid = isValid && byte(at: start + 3) & 0xC0 == 0x80 }
        guard isValid else {
            position = start
            throw expected("valid UTF-8")
        }
        return start + length
    }

    /// What a string means whose escapes have been checked by ``scanString()``.
    static func unescape(_ content: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(content.count)
        var index = 0
        func unit(at start: Int) -> UInt32 {
            guard start <= content.count - 4 else { return 0xFFFD }
            return content[start..<start + 4].reduce(0) { $0 << 4 | UInt32(hexadecimalDigit($1) ?? 0) }
        }
        func lowSurrogate(at start: Int) -> UInt32? {
            guard start <= content.count - 6, content[start] == UInt8(ascii: "\\"),
                content[start + 1] == UInt8(ascii: "u")
            else { return nil }
            let unit = unit(at: start + 2)
            return unit & 0xFC00 == 0xDC00 ? unit & 0x3FF : nil
        }
        while index < content.count {
            let byte = content[index]
            guard byte == UInt8(ascii: "\\"), index + 1 < content.count else {
                result.append(byte)
                index += 1
                continue
            }
            let letter = content[index + 1]
            index += 2
            switch letter {
            case UInt8(ascii: "b"): result.append(0x08)
            case UInt8(ascii: "f"): result.append(0x0C)
            case UInt8(ascii: "n"): result.append(0x0A)
            case UInt8(ascii: "r"): result.append(0x0D)
            case UInt8(ascii: "t"): result.append(0x09)
            case UInt8(ascii: "u"):
                var value = unit(at: index)
                index += 4
                if value & 0xFC00 == 0xD800, let low = lowSurrogate(at: index) {
                    value = 0x10000 + ((value & 0x3FF) << 10 | low)
                    index += 6
                }
                // What is still a surrogate here has lost its other half.
                result.append(contentsOf: String(Unicode.Scalar(value) ?? "\u{FFFD}").utf8)
            default: result.append(letter)
            }
        }
        return result
    }

    mutating func scanLiteral(_ literal: StaticString) throws(JSONError) {
        let count = literal.utf8CodeUnitCount
        for index in 0..<count where byte(at: position + index) != literal.utf8Start[index] {
            throw expected("true, false or null")
        }
        position += count
    }

    @inline(__always)
    mutating func scanNumber() throws(JSONError) {
        var ignored = JSONNumber()
        try scanNumber(into: &ignored)
    }

    mutating func scanNumber(into number: inout JSONNumber) throws(JSONError) {
        if byte(at: position) == UInt8(ascii: "-") {
            number.isNegative = true
            position += 1
        }
        if byte(at: position) == UInt8(ascii: "0") {
            position += 1
        } else {
            try scanDigits { number.append(digit: $0, ofFraction: false) }
        }
        if byte(at: position) == UInt8(ascii: ".") {
            position += 1
            try scanDigits { number.append(digit: $0, ofFraction: true) }
        }
        guard byte(at: position) | 0x20 == UInt8(ascii: "e") else { return }
        position += 1
        let isNegative = byte(at: position) == UInt8(ascii: "-")
        if isNegative || byte(at: position) == UInt8(ascii: "+") { position += 1 }
        var exponent = 0
        // Beyond this every number is 0 or too large.
        try scanDigits { exponent = min(100_000, exponent * 10 + Int($0)) }
        number.exponent += isNegative ? -exponent : exponent
    }

    @inline(__always)
    private mutating func scanDigits(_ body: (UInt8) -> Void) throws(JSONError) {
        let start = position
        while case let digit = byte(at: position) &- UInt8(ascii: "0"), digit < 10 {
            body(digit)
            position += 1
        }
        guard position > start else { throw expected("a digit") }
    }
}
