import Sluice

/// The headers in which Watermill's HTTP publisher sends what travels beside a payload.
enum WatermillHeaders {
    static let uuid = "Message-Uuid"
    static let metadata = "Message-Metadata"
    static let longestID = 256

    static func apply(_ headers: HTTPInboundHeaders, to message: inout Message) throws(HTTPRejection) {
        if let id = try headers.single(uuid), !id.isEmpty {
            guard id.utf8.count <= longestID else {
                throw HTTPRejection(400, "the header \(uuid) is longer than \(longestID) bytes")
            }
            message.id = MessageID(id)
        }
        if let text = try headers.single(metadata), !text.isEmpty {
            var parser = FlatObject(Array(text.utf8))
            guard let entries = parser.parse() else {
                throw HTTPRejection(400, "the header \(metadata) is not a JSON object of strings")
            }
            var reader = MetadataReader()
            for (name, value) in entries { reader.take(name, value) }
            guard !reader.isCutOff else { throw HTTPRejection(400, "\(MetadataError())") }
            message.metadata = reader.metadata
        }
    }
}

/// Reads a JSON object whose values are strings (RFC 8259); Go writes an empty one as `null`.
private struct FlatObject {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Nil when the text is anything else.
    mutating func parse() -> [(String, String)]? {
        skipSpace()
        if bytes[position...].elementsEqual("null".utf8) { return [] }
        guard take("{") else { return nil }
        var entries: [(String, String)] = []
        skipSpace()
        if !take("}") {
            repeat {
                skipSpace()
                guard let name = string() else { return nil }
                skipSpace()
                guard take(":") else { return nil }
                skipSpace()
                guard let value = string() else { return nil }
                entries.append((name, value))
                skipSpace()
            } while take(",")
            guard take("}") else { return nil }
        }
        skipSpace()
        return position == bytes.count ? entries : nil
    }

    private mutating func string() -> String? {
        guard take("\"") else { return nil }
        var text: [UInt8] = []
        while let byte = next() {
            switch byte {
            case UInt8(ascii: "\""): return String(validating: text, as: UTF8.self)
            case 0..<0x20: return nil
            case UInt8(ascii: "\\"): guard escape(&text) else { return nil }
            default: text.append(byte)
            }
        }
        return nil
    }

    private mutating func escape(_ text: inout [UInt8]) -> Bool {
        switch next() {
        case UInt8(ascii: "\""): text.append(UInt8(ascii: "\""))
        case UInt8(ascii: "\\"): text.append(UInt8(ascii: "\\"))
        case UInt8(ascii: "/"): text.append(UInt8(ascii: "/"))
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            guard let scalar = codePoint() else { return false }
            text.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
        default: return false
        }
        return true
    }

    private mutating func codePoint() -> Unicode.Scalar? {
        guard let first = hexWord() else { return nil }
        guard UTF16.isLeadSurrogate(first) else { return Unicode.Scalar(first) }
        guard take("\\"), take("u"), let second = hexWord(), UTF16.isTrailSurrogate(second) else { return nil }
        return Unicode.Scalar(0x10000 + (UInt32(first) - 0xD800) << 10 + (UInt32(second) - 0xDC00))
    }

    private mutating func hexWord() -> UInt16? {
        var word: UInt16 = 0
        for _ in 0..<4 {
            guard let digit = next().flatMap(ASCII.hexValue) else { return nil }
            word = word << 4 | UInt16(digit)
        }
        return word
    }

    private mutating func next() -> UInt8? {
        guard position < bytes.count else { return nil }
        defer { position += 1 }
        return bytes[position]
    }

    private mutating func take(_ expected: Unicode.Scalar) -> Bool {
        guard position < bytes.count, bytes[position] == UInt8(ascii: expected) else { return false }
        position += 1
        return true
    }

    private mutating func skipSpace() {
        while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) { position += 1 }
    }
}
