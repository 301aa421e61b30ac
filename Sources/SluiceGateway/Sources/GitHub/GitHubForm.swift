/// GitHub's second content type: a form (`application/x-www-form-urlencoded`) with the JSON in `payload`.
enum GitHubForm {
    /// The JSON of the body. It is told by its first byte and not by the content type, because curl calls every body
    /// a form.
    static func json(of body: [UInt8]) throws(SourceError) -> [UInt8] {
        guard body.starts(with: "payload=".utf8) else { return body }
        let value = body.dropFirst("payload=".utf8.count).prefix { $0 != UInt8(ascii: "&") }
        guard let json = decode(value) else { throw SourceError("the form's payload is not percent-encoded") }
        return json
    }

    private static func decode(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        var bytes = text.makeIterator()
        while let byte = bytes.next() {
            switch byte {
            case UInt8(ascii: "+"): result.append(0x20)
            case UInt8(ascii: "%"):
                guard let high = bytes.next().flatMap(digit), let low = bytes.next().flatMap(digit) else { return nil }
                result.append(high << 4 | low)
            default: result.append(byte)
            }
        }
        return result
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
