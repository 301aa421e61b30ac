/// A commit's hash, 4 to 64 hexadecimal digits, as numbers: it sorts as its text does.
struct CommitHash: Hashable, Comparable, Sendable {
    /// As git abbreviates.
    static let shortest = 7
    /// So many digits name one commit wherever it is (SHA-1).
    static let whole = 40

    /// 16 digits each, from the left; zeros follow the last digit.
    let a, b, c, d: UInt64
    /// How many digits there are.
    let count: Int

    init(a: UInt64, b: UInt64, c: UInt64, d: UInt64, count: Int) {
        (self.a, self.b, self.c, self.d, self.count) = (a, b, c, d, count)
    }

    /// Nil for what is no hash.
    init?(_ text: String) {
        var text = text
        guard let hash = text.withUTF8(Self.read) else { return nil }
        self = hash
    }

    /// Of a text's bytes.
    init?(_ digits: UnsafeBufferPointer<UInt8>) {
        guard let hash = Self.read(digits) else { return nil }
        self = hash
    }

    private static func read(_ digits: UnsafeBufferPointer<UInt8>) -> CommitHash? {
        guard (4...64).contains(digits.count), let base = digits.baseAddress else { return nil }
        var isHexadecimal = true
        /// The eight digits from there on.
        func eight(_ start: Int) -> UInt64 {
            guard start < digits.count else { return 0 }
            var word: UInt64 = 0x3030_3030_3030_3030
            if start + 8 <= digits.count {
                word = UInt64(bigEndian: UnsafeRawPointer(base + start).loadUnaligned(as: UInt64.self))
            } else {
                // Zeros stand for what is missing.
                for position in start..<digits.count {
                    let shift = UInt64(8 * (7 - (position - start)))
                    word = word & ~(0xFF << shift) | UInt64(digits[position]) << shift
                }
            }
            guard let value = value(ofDigits: word) else {
                isHexadecimal = false
                return 0
            }
            return value
        }
        let hash = CommitHash(
            a: eight(0) << 32 | eight(8), b: eight(16) << 32 | eight(24), c: eight(32) << 32 | eight(40),
            d: eight(48) << 32 | eight(56), count: digits.count)
        return isHexadecimal ? hash : nil
    }

    /// Eight digits at once, a byte each, the first one highest.
    private static func value(ofDigits word: UInt64) -> UInt64? {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let tops = ones << 7
        /// Marks bytes that are not below a limit; all are below 128.
        func marks(_ word: UInt64, from limit: UInt64) -> UInt64 { ((word | tops) &- ones &* limit) & tops }
        guard word & tops == 0 else { return nil }
        let small = word | ones << 5
        let isDigit = marks(word, from: 0x30) & ~marks(word, from: 0x3A)
        let isLetter = marks(small, from: 0x61) & ~marks(small, from: 0x67)
        guard isDigit | isLetter == tops else { return nil }
        var value = (word & (ones &* 0x0F)) &+ (isLetter >> 7) &* 9
        value = (value | value >> 4) & 0x00FF_00FF_00FF_00FF
        value = (value | value >> 8) & 0x0000_FFFF_0000_FFFF
        return (value | value >> 16) & 0xFFFF_FFFF
    }

    var text: String {
        String(unsafeUninitializedCapacity: 64) { buffer in
            for index in 0..<count {
                let word = index < 16 ? a : index < 32 ? b : index < 48 ? c : d
                let nibble = UInt8(truncatingIfNeeded: word >> UInt64(4 * (15 - index % 16)) & 15)
                buffer[index] = nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10
            }
            return count
        }
    }

    static func < (left: CommitHash, right: CommitHash) -> Bool {
        (left.a, left.b, left.c, left.d, left.count) < (right.a, right.b, right.c, right.d, right.count)
    }

    /// Whether it begins with all digits of `other`.
    func hasPrefix(_ other: CommitHash) -> Bool {
        guard count >= other.count else { return false }
        func agrees(_ mine: UInt64, _ theirs: UInt64, _ index: Int) -> Bool {
            let digits = min(16, max(0, other.count - index * 16))
            return digits == 0 || (mine ^ theirs) >> UInt64(4 * (16 - digits)) == 0
        }
        return agrees(a, other.a, 0) && agrees(b, other.b, 1) && agrees(c, other.c, 2) && agrees(d, other.d, 3)
    }

    /// Whether both may well be the same commit, where nothing else is known of them.
    func isLike(_ other: CommitHash) -> Bool {
        self == other || min(count, other.count) >= Self.shortest && (hasPrefix(other) || other.hasPrefix(self))
    }
}
