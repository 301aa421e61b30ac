extension JSONReader {
    /// Moves past one value of any kind, checking all of it. Without recursion: nesting costs a bit a level.
    package mutating func skip() throws(JSONError) {
        // The lowest bit says whether the innermost open bracket is an object's.
        var brackets: UInt128 = 0
        let outside = depth
        while true {
            switch byte(at: position) {
            case UInt8(ascii: "\""): _ = try scanString()
            case UInt8(ascii: "{"):
                brackets = brackets << 1 | 1
                try open()
                if byte(at: position) != UInt8(ascii: "}") {
                    try skipKey()
                    continue
                }
            case UInt8(ascii: "["):
                brackets <<= 1
                try open()
                if byte(at: position) != UInt8(ascii: "]") { continue }
            case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try scanNumber()
            case UInt8(ascii: "t"): try scanLiteral("true")
            case UInt8(ascii: "f"): try scanLiteral("false")
            case UInt8(ascii: "n"): try scanLiteral("null")
            default: throw expected("a value")
            }
            // A value ends here, or a bracket that has just been opened: close what closes.
            var another = false
            while depth > outside, !another {
                skipWhitespace()
                let inObject = brackets & 1 == 1
                switch byte(at: position) {
                case UInt8(ascii: ","):
                    position += 1
                    skipWhitespace()
                    if inObject { try skipKey() }
                    another = true
                case UInt8(ascii: "}") where inObject, UInt8(ascii: "]") where !inObject:
                    position += 1
                    depth -= 1
                    brackets >>= 1
                default: throw expected("a comma or the closing bracket")
                }
            }
            if !another { return }
        }
    }

    @inline(__always)
    private mutating func open() throws(JSONError) {
        guard depth < Self.maximumDepth else { throw expected("less nesting") }
        depth += 1
        position += 1
        skipWhitespace()
    }

    @inline(__always)
    private mutating func skipKey() throws(JSONError) {
        guard byte(at: position) == UInt8(ascii: "\"") else { throw expected("a name in quotes") }
        _ = try scanString()
        try scanColon()
    }
}
