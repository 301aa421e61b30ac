/// Writes JSON (RFC 8259) into bytes, compactly, members in the order in which they are given.
package struct JSONWriter {
    package private(set) var bytes: [UInt8] = []
    private let isASCII: Bool

    /// - Parameter isASCII: whether all that is not printable ASCII is escaped, so that a header can carry it.
    package init(capacity: Int = 256, isASCII: Bool = false) {
        self.isASCII = isASCII
        bytes.reserveCapacity(capacity)
    }

    /// The bytes of one object.
    package static func object(
        capacity: Int = 256, isASCII: Bool = false, _ body: (inout JSONWriter) -> Void
    ) -> [UInt8] {
        var writer = JSONWriter(capacity: capacity, isASCII: isASCII)
        writer.object(body)
        return writer.bytes
    }

    package mutating func object(_ body: (inout JSONWriter) -> Void) {
        open(UInt8(ascii: "{"))
        body(&self)
        bytes.append(UInt8(ascii: "}"))
    }

    package mutating func array(_ body: (inout JSONWriter) -> Void) {
        open(UInt8(ascii: "["))
        body(&self)
        bytes.append(UInt8(ascii: "]"))
    }

    /// The name of the member whose value comes next.
    package mutating func name(_ name: String) {
        string(name)
        bytes.append(UInt8(ascii: ":"))
    }

    package mutating func string(_ text: String) {
        open(UInt8(ascii: "\""))
        if isASCII { Self.append(ascii: text, to: &bytes) } else { Self.append(escaped: text, to: &bytes) }
        bytes.append(UInt8(ascii: "\""))
    }

    package mutating func integer(_ value: Int64) {
        separate()
        bytes.append(contentsOf: String(value).utf8)
    }

    /// What is no number in JSON becomes a text, as Protobuf's JSON has it.
    package mutating func number(_ value: Double) {
        guard value.isFinite else { return string(value.isNaN ? "NaN" : value > 0 ? "Infinity" : "-Infinity") }
        separate()
        bytes.append(contentsOf: "\(value)".utf8)
    }

    package mutating func boolean(_ value: Bool) {
        separate()
        bytes.append(contentsOf: (value ? "true" : "false").utf8)
    }

    package mutating func null() {
        separate()
        bytes.append(contentsOf: "null".utf8)
    }

    private mutating func open(_ byte: UInt8) {
        separate()
        bytes.append(byte)
    }

    /// A comma, unless a value starts here. What opens a value or follows a name is never the last byte of a value.
    private mutating func separate() {
        switch bytes.last {
        case nil, UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: ":"): break
        default: bytes.append(UInt8(ascii: ","))
        }
    }

    /// Appends the inside of a string: quote, backslash and control characters escaped, all else as it is.
    package static func append(escaped text: String, to bytes: inout [UInt8]) {
        var text = text
        text.withUTF8 { buffer in
            var copied = 0
            for index in buffer.indices {
                let byte = buffer[index]
                guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { continue }
                // What needs no escape is copied in runs.
                bytes.append(contentsOf: UnsafeBufferPointer(rebasing: buffer[copied..<index]))
                copied = index + 1
                append(escaped: byte, to: &bytes)
            }
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: buffer[copied...]))
        }
    }

    private static func append(ascii text: String, to bytes: inout [UInt8]) {
        for unit in text.utf16 {
            switch unit {
            case 0x22, 0x5C: bytes += [UInt8(ascii: "\\"), UInt8(truncatingIfNeeded: unit)]
            case 0x20..<0x7F: bytes.append(UInt8(truncatingIfNeeded: unit))
            default: bytes += escape(unit)
            }
        }
    }

    private static func append(escaped byte: UInt8, to bytes: inout [UInt8]) {
        let letter: UInt8
        switch byte {
        case 0x0A: letter = UInt8(ascii: "n")
        case 0x0D: letter = UInt8(ascii: "r")
        case 0x09: letter = UInt8(ascii: "t")
        case 0..<0x20: return bytes.append(contentsOf: escape(UInt16(byte)))
        default: letter = byte
        }
        bytes.append(UInt8(ascii: "\\"))
        bytes.append(letter)
    }

    /// `\u` and four hexadecimal digits.
    package static func escape(_ unit: UInt16) -> [UInt8] {
        var bytes = Array("\\u".utf8)
        for shift in [12, 8, 4, 0] as [UInt16] {
            let nibble = UInt8(truncatingIfNeeded: unit >> shift) & 0xF
            bytes.append(nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10)
        }
        return bytes
    }
}

// MARK: Members

extension JSONWriter {
    package mutating func member(_ name: String, _ value: String) {
        self.name(name)
        string(value)
    }

    /// Leaves the member out when there is no value.
    package mutating func member(_ name: String, ifPresent value: String?) {
        if let value { member(name, value) }
    }

    package mutating func member(_ name: String, _ value: Int64) {
        self.name(name)
        integer(value)
    }

    package mutating func member(_ name: String, _ value: Bool) {
        self.name(name)
        boolean(value)
    }
}
