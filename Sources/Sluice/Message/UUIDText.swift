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
        func store(_ digits: some FixedWidthInteger, at position: Int) {
            buffer.storeBytes(of: digits.bigEndian, toByteOffset: position, as: type(of: digits))
        }
        let words = (digits(high >> 32), digits(high), digits(low >> 32), digits(low))
        store(words.0, at: 0)
        store(UInt32(truncatingIfNeeded: words.1 >> 32), at: 9)
        store(UInt32(truncatingIfNeeded: words.1), at: 14)
        store(UInt32(truncatingIfNeeded: words.2 >> 32), at: 19)
        store(UInt32(truncatingIfNeeded: words.2), at: 24)
        store(words.3, at: 28)
        (buffer[8], buffer[13], buffer[18], buffer[23]) = (dash, dash, dash, dash)
    }

    /// The eight hexadecimal digits of the lower half of `word`: all at once, a byte of the result each.
    private static func digits(_ word: UInt64) -> UInt64 {
        var values = word & 0xFFFF_FFFF
        values = (values | (values << 16)) & 0x0000_FFFF_0000_FFFF
        values = (values | (values << 8)) & 0x00FF_00FF_00FF_00FF
        values = (values | (values << 4)) & (ones * 0xF)
        // 39 is the way from behind `9` to `a`.
        let letters = ((values &+ ones * 6) >> 4) & ones
        return values &+ ones * 0x30 &+ letters &* 39
    }

    /// - Returns: nil for anything but the canonical form.
    static func parse(_ text: UnsafeRawBufferPointer) -> (high: UInt64, low: UInt64)? {
        guard text.count == length, text[8] == dash, text[13] == dash, text[18] == dash, text[23] == dash,
            let a = number(text, 0, 4), let b = number(text, 9, 14), let c = number(text, 19, 24),
            let d = number(text, 28, 32)
        else { return nil }
        return (UInt64(a) << 32 | UInt64(b), UInt64(c) << 32 | UInt64(d))
    }

    /// One in each byte.
    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let dash = UInt8(ascii: "-")

    /// The number that two runs of four hexadecimal digits make: all eight at once, a byte of the word each.
    private static func number(_ text: UnsafeRawBufferPointer, _ first: Int, _ second: Int) -> UInt32? {
        let word =
            UInt64(UInt32(bigEndian: text.loadUnaligned(fromByteOffset: first, as: UInt32.self))) << 32
            | UInt64(UInt32(bigEndian: text.loadUnaligned(fromByteOffset: second, as: UInt32.self)))
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
