/// The canonical text of a UUID (RFC 9562, section 4): 36 lowercase characters.
enum UUIDText {
    static let length = 36

    static func format(high: UInt64, low: UInt64) -> String {
        String(unsafeUninitializedCapacity: length) { buffer in
            write(high: high, low: low, to: UnsafeMutableRawBufferPointer(buffer))
            return length
        }
    }

    /// - Parameter buffer: at least ``length`` bytes.
    static func write(high: UInt64, low: UInt64, to buffer: UnsafeMutableRawBufferPointer) {
        write(high, bytes: 0..<4, to: buffer, at: 0)
        buffer[8] = dash
        write(high, bytes: 4..<6, to: buffer, at: 9)
        buffer[13] = dash
        write(high, bytes: 6..<8, to: buffer, at: 14)
        buffer[18] = dash
        write(low, bytes: 0..<2, to: buffer, at: 19)
        buffer[23] = dash
        write(low, bytes: 2..<8, to: buffer, at: 24)
    }

    private static func write(
        _ word: UInt64, bytes: Range<UInt64>, to buffer: UnsafeMutableRawBufferPointer, at position: Int
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

    /// - Returns: nil for anything but the canonical form.
    static func parse(_ text: UnsafeRawBufferPointer) -> (high: UInt64, low: UInt64)? {
        guard text.count == length, text[8] == dash, text[13] == dash, text[18] == dash, text[23] == dash,
            let a = number(text, 0, 4), let b = number(text, 9, 14), let c = number(text, 19, 24),
            let d = number(text, 28, 32)
        else { return nil }
        return (UInt64(a) << 32 | UInt64(b), UInt64(c) << 32 | UInt64(d))
    }

    private static let dash = UInt8(ascii: "-")

    /// The number that two runs of four hexadecimal digits make: all eight at once, a byte of the word each.
    private static func number(_ text: UnsafeRawBufferPointer, _ first: Int, _ second: Int) -> UInt32? {
        let word =
            UInt64(UInt32(bigEndian: text.loadUnaligned(fromByteOffset: first, as: UInt32.self))) << 32
            | UInt64(UInt32(bigEndian: text.loadUnaligned(fromByteOffset: second, as: UInt32.self)))
        let ones: UInt64 = 0x0101_0101_0101_0101
        let letters = (word >> 6) & ones
        let values = (word & (ones * 0xF)) &+ letters &* 9
        // Back to text: only `0` to `9` and `a` to `f` come out as they went in, and only with a letter's value above 9.
        guard values &+ ones * 0x30 &+ letters &* 39 == word, ((values &+ ones * 6) >> 4) & ones == letters,
            values & (ones * 0xF0) == 0
        else { return nil }
        var packed = (values | (values >> 4)) & 0x00FF_00FF_00FF_00FF
        packed = (packed | (packed >> 8)) & 0x0000_FFFF_0000_FFFF
        return UInt32(truncatingIfNeeded: packed | (packed >> 16))
    }
}
