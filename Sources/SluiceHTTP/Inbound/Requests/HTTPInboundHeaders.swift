import NIOHTTP1

/// The header fields of a request. Values have no whitespace around them.
public struct HTTPInboundHeaders: Sendable {
    let fields: HTTPHeaders

    init(_ fields: HTTPHeaders) {
        self.fields = fields
    }

    /// The value under this name, whose case does not matter; nil when there is none. Several fields of the name are
    /// one value, joined with commas (RFC 9110, section 5.3). Bytes that are no UTF-8 are replaced by U+FFFD.
    public subscript(name: String) -> String? {
        var values = fields[name].makeIterator()
        guard var value = values.next() else { return nil }
        while let more = values.next() { value += ", " + more }
        return value
    }

    /// The value of a header that may come once only, such as a signature; nil when there is none. Repetitions of one
    /// value count as one.
    /// - Throws: ``HTTPRejection`` with 400 when there are different values: which of them another program on the way
    ///   went by is not known.
    public func single(_ name: String) throws(HTTPRejection) -> String? {
        var values = fields[name].makeIterator()
        guard let value = values.next() else { return nil }
        while let more = values.next() {
            guard more == value else {
                throw HTTPRejection(400, "the header \(name) comes more than once, with different values")
            }
        }
        return value
    }

    /// All names, in lowercase.
    public var names: [String] { fields.map { $0.name.lowercased() } }
}

extension HTTPHeaders {
    /// Takes away the optional whitespace around values (RFC 9110, section 5.5), which the parser leaves at their end.
    mutating func trimValues() {
        guard contains(where: { Self.isSpace($0.value.utf8.last) || Self.isSpace($0.value.utf8.first) }) else { return }
        self = HTTPHeaders(map { ($0.name, Self.trimmed($0.value)) })
    }

    private static func trimmed(_ value: String) -> String {
        var text = Substring(value).utf8
        while isSpace(text.last) { text.removeLast() }
        while isSpace(text.first) { text.removeFirst() }
        return String(Substring(text))
    }

    private static func isSpace(_ byte: UInt8?) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
    }
}
