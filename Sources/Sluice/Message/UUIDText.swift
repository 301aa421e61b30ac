/// The canonical text of a UUID (RFC 9562, section 4): 36 lowercase characters.
enum UUIDText {
    static let length = 36

    static func format(high: UInt64, low: UInt64) -> String {
        String(unsafeUninitializedCapacity: length) { buffer in
            write(high, bytes: 0..<4, to: buffer, at: 0)
            buffer[8] = UInt8(ascii: "-")
            write(high, bytes: 4..<6, to: buffer, at: 9)
            buffer[13] = UInt8(ascii: "-")
            write(high, bytes: 6..<8, to: buffer, at: 14)
            buffer[18] = UInt8(ascii: "-")
            write(low, bytes: 0..<2, to: buffer, at: 19)
            buffer[23] = UInt8(ascii: "-")
            write(low, bytes: 2..<8, to: buffer, at: 24)
            return length
        }
    }

    private static func write(
        _ word: UInt64, bytes: Range<UInt64>, to buffer: UnsafeMutableBufferPointer<UInt8>, at position: Int
    ) {
        var position = position
        for index in bytes {
            let byte = UInt8(truncatingIfNeeded: word >> (56 - 8 * index))
            buffer[position] = digit(byte >> 4)
            buffer[position + 1] = digit(byte & 0xF)
            position += 2
        }
    }

    private static func digit(_ nibble: UInt8) -> UInt8 {
        // 39 is the way from behind `9` to `a`.
        nibble &+ UInt8(ascii: "0") &+ (nibble > 9 ? 39 : 0)
    }

    static func parse(_ text: String) -> (high: UInt64, low: UInt64)? {
        guard text.utf8.count == length else { return nil }
        var high: UInt64 = 0
        var low: UInt64 = 0
        var digits = 0
        for (index, byte) in text.utf8.enumerated() {
            if index == 8 || index == 13 || index == 18 || index == 23 {
                guard byte == UInt8(ascii: "-") else { return nil }
                continue
            }
            let nibble: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): nibble = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): nibble = byte - UInt8(ascii: "a") + 10
            default: return nil
            }
            if digits < 16 { high = high << 4 | UInt64(nibble) } else { low = low << 4 | UInt64(nibble) }
            digits += 1
        }
        return (high, low)
    }
}
