/// Reads JSON (RFC 8259) front to back: the members that are asked for become values, the rest is checked and skipped.
///
/// Nothing is built for what is not asked for. All of the text is held to the grammar: nesting to at most
/// ``maximumDepth`` levels, strings that are valid UTF-8. As other readers do, it takes a byte order mark in front, and
/// half of a surrogate pair for U+FFFD. Of a name that comes twice, both are lent to the caller, so that the last one
/// counts. No input makes it trap.
package struct JSONReader: ~Copyable {
    /// How deep objects and arrays may nest.
    package static let maximumDepth = 128

    @usableFromInline let base: UnsafePointer<UInt8>
    @usableFromInline let end: Int
    @usableFromInline var position = 0
    @usableFromInline var depth = 0
    /// Where the value begins of the member that is read, and its name.
    @usableFromInline var fieldStart = -1
    @usableFromInline var fieldName: UnsafeBufferPointer<UInt8>
    @usableFromInline var decodedFieldName: [UInt8]?

    @usableFromInline
    init(base: UnsafePointer<UInt8>, count: Int) {
        self.base = base
        end = count
        fieldName = UnsafeBufferPointer(start: base, count: 0)
    }

    /// Reads one value that takes up all of `bytes`, whitespace around it aside. What `body` does not read is skipped.
    @inlinable
    package static func read<Value>(
        _ bytes: [UInt8], _ body: (inout JSONReader) throws(JSONError) -> Value
    ) throws(JSONError) -> Value {
        try bytes.withUnsafeBufferPointer { (buffer) throws(JSONError) -> Value in try read(lent: buffer, body) }
    }

    /// The same of bytes that stay where they are until it returns.
    @inline(__always)
    package static func read<Value>(
        lent buffer: UnsafeBufferPointer<UInt8>, _ body: (inout JSONReader) throws(JSONError) -> Value
    ) throws(JSONError) -> Value {
        guard let base = buffer.baseAddress else { throw JSONError(offset: 0, expected: "a value") }
        var reader = JSONReader(base: base, count: buffer.count)
        reader.skipByteOrderMark()
        reader.skipWhitespace()
        let start = reader.position
        let value = try body(&reader)
        if reader.position == start { try reader.skip() }
        reader.skipWhitespace()
        guard reader.position == reader.end else { throw reader.expected("the end") }
        return value
    }

    /// Whether all of `bytes` is one value; throws where it is not.
    package static func validate(_ bytes: [UInt8]) throws(JSONError) {
        try read(bytes) { (reader) throws(JSONError) in try reader.skip() }
    }

    /// What kind of value comes next.
    package enum Kind: Sendable { case object, array, string, number, boolean, null, invalid }

    @inlinable package var kind: Kind {
        switch byte(at: position) {
        case UInt8(ascii: "{"): .object
        case UInt8(ascii: "["): .array
        case UInt8(ascii: "\""): .string
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): .number
        case UInt8(ascii: "t"), UInt8(ascii: "f"): .boolean
        case UInt8(ascii: "n"): .null
        default: .invalid
        }
    }

    /// Reads an object; `body` is called for each member and reads its value, or leaves it to be skipped.
    @inlinable
    package mutating func object(
        _ body: (borrowing JSONKey, inout JSONReader) throws(JSONError) -> Void
    ) throws(JSONError) {
        try enter(UInt8(ascii: "{"), "an object")
        if leave(UInt8(ascii: "}")) { return }
        while true {
            let key = try key()
            let start = position
            try body(key, &self)
            if position == start { try skip() }
            if try !nextElement(orEnd: UInt8(ascii: "}")) { return }
        }
    }

    /// Reads an array; `body` is called for each element and reads it, or leaves it to be skipped.
    @inlinable
    package mutating func array(_ body: (inout JSONReader) throws(JSONError) -> Void) throws(JSONError) {
        try enter(UInt8(ascii: "["), "an array")
        if leave(UInt8(ascii: "]")) { return }
        while true {
            let start = position
            try body(&self)
            if position == start { try skip() }
            if try !nextElement(orEnd: UInt8(ascii: "]")) { return }
        }
    }

    package mutating func string() throws(JSONError) -> String {
        guard byte(at: position) == UInt8(ascii: "\"") else { throw expected("a string") }
        let start = position + 1
        let escaped = try scanString()
        let content = UnsafeBufferPointer(start: base + start, count: position - 1 - start)
        return escaped
            ? String(decoding: Self.unescape(content), as: UTF8.self) : String(decoding: content, as: UTF8.self)
    }

    /// The bytes of a string that has no escapes, as they stand in what is read: they are lent until ``read(lent:_:)`` returns.
    /// Nil for anything else, which is left to be read.
    package mutating func plainString() throws(JSONError) -> UnsafeBufferPointer<UInt8>? {
        guard byte(at: position) == UInt8(ascii: "\"") else { return nil }
        let start = position
        guard try scanString() else {
            return UnsafeBufferPointer(start: base + start + 1, count: position - start - 2)
        }
        position = start
        return nil
    }

    /// A string, or nil for `null`.
    package mutating func stringOrNull() throws(JSONError) -> String? {
        if try null() { return nil }
        guard kind == .string else { throw expected("a string or null") }
        return try string()
    }

    /// A string, or nil for any other value, which is skipped.
    package mutating func stringOrSkip() throws(JSONError) -> String? {
        if kind == .string { return try string() }
        try skip()
        return nil
    }

    package mutating func boolean() throws(JSONError) -> Bool {
        switch byte(at: position) {
        case UInt8(ascii: "t"):
            try scanLiteral("true")
            return true
        case UInt8(ascii: "f"):
            try scanLiteral("false")
            return false
        default: throw expected("true or false")
        }
    }

    package mutating func number() throws(JSONError) -> JSONNumber {
        guard kind == .number else { throw expected("a number") }
        var number = JSONNumber()
        try scanNumber(into: &number)
        return number
    }

    /// The next value as it is written, all of it checked.
    package mutating func raw() throws(JSONError) -> [UInt8] {
        let start = position
        try skip()
        return Array(UnsafeBufferPointer(start: base + start, count: position - start))
    }

    /// Moves past `null` when that is what comes next.
    package mutating func null() throws(JSONError) -> Bool {
        guard byte(at: position) == UInt8(ascii: "n") else { return false }
        try scanLiteral("null")
        return true
    }
}

// MARK: Structure

extension JSONReader {
    @inlinable @inline(__always)
    func byte(at position: Int) -> UInt8 {
        // NUL is nowhere allowed, so the end needs no check of its own.
        position < end ? base[position] : 0
    }

    @usableFromInline
    func expected(_ what: StaticString) -> JSONError {
        JSONError(offset: position, expected: what)
    }

    @inlinable @inline(__always)
    mutating func skipWhitespace() {
        if position < end, base[position] <= 0x20 { skipWhitespaceRun() }
    }

    /// RFC 8259, section 8.1: a reader may pass over it.
    @usableFromInline
    mutating func skipByteOrderMark() {
        if end >= 3, base[0] == 0xEF, base[1] == 0xBB, base[2] == 0xBF { position = 3 }
    }

    @usableFromInline
    mutating func skipWhitespaceRun() {
        while position < end {
            switch base[position] {
            case 0x20:
                position += 1
                // Indentation comes in runs.
                while position <= end - 8, word(at: position) == 0x2020_2020_2020_2020 { position += 8 }
            case 0x09, 0x0A, 0x0D: position += 1
            default: return
            }
        }
    }

    @usableFromInline
    mutating func enter(_ bracket: UInt8, _ what: StaticString) throws(JSONError) {
        guard byte(at: position) == bracket else { throw expected(what) }
        guard depth < Self.maximumDepth else { throw expected("less nesting") }
        depth += 1
        position += 1
        skipWhitespace()
    }

    @usableFromInline
    mutating func leave(_ bracket: UInt8) -> Bool {
        guard byte(at: position) == bracket else { return false }
        depth -= 1
        position += 1
        return true
    }

    /// Moves past a comma to what follows it, or past the closing bracket.
    @usableFromInline
    mutating func nextElement(orEnd bracket: UInt8) throws(JSONError) -> Bool {
        skipWhitespace()
        if byte(at: position) == UInt8(ascii: ",") {
            position += 1
            skipWhitespace()
            return true
        }
        guard leave(bracket) else { throw expected("a comma or the closing bracket") }
        return false
    }

    @usableFromInline
    mutating func key() throws(JSONError) -> JSONKey {
        guard byte(at: position) == UInt8(ascii: "\"") else { throw expected("a name in quotes") }
        let start = position + 1
        let escaped = try scanString()
        let content = UnsafeBufferPointer(start: base + start, count: position - 1 - start)
        try scanColon()
        return JSONKey(
            start: base + start, count: content.count, decoded: escaped ? Self.unescape(content) : nil)
    }

    @inline(__always)
    mutating func scanColon() throws(JSONError) {
        skipWhitespace()
        guard byte(at: position) == UInt8(ascii: ":") else { throw expected("a colon") }
        position += 1
        skipWhitespace()
    }
}
