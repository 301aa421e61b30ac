/// The comparison of media types (RFC 9110, section 8.3.1).
enum MediaType {
    static let form = "application/x-www-form-urlencoded"

    /// Whether the value of a `Content-Type` header is of this media type, whatever its parameters.
    /// - Parameter expected: in lowercase.
    static func matches(_ value: String, _ expected: String) -> Bool {
        var rest = value.utf8.makeIterator()
        for byte in expected.utf8 {
            guard let next = rest.next(), ASCII.lowercase(next) == byte else { return false }
        }
        while let next = rest.next() {
            switch next {
            case UInt8(ascii: ";"): return true
            case UInt8(ascii: " "), UInt8(ascii: "\t"): continue
            default: return false
            }
        }
        return true
    }

    /// Whether it is `application/…+json` (RFC 6839, section 3.1).
    static func hasSuffixOfJSON(_ value: String) -> Bool {
        let name = value.prefix { $0 != ";" && $0 != " " && $0 != "\t" }.lowercased()
        let (type, suffix) = ("application/", "+json")
        return name.hasPrefix(type) && name.hasSuffix(suffix) && name.utf8.count > type.utf8.count + suffix.utf8.count
            && matches(value, name)
    }
}

enum ASCII {
    static func lowercase(_ byte: UInt8) -> UInt8 {
        byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
    }

    /// - Parameter lowercased: in lowercase.
    static func equals(_ text: some StringProtocol, _ lowercased: StaticString) -> Bool {
        guard text.utf8.count == lowercased.utf8CodeUnitCount else { return false }
        var expected = lowercased.utf8Start
        for byte in text.utf8 {
            guard lowercase(byte) == expected.pointee else { return false }
            expected += 1
        }
        return true
    }

    static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
