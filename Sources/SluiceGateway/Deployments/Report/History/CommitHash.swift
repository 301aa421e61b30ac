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
        guard (4...64).contains(digits.count) else { return nil }
        var isHexadecimal = true
        func word(_ index: Int) -> UInt64 {
            let start = index * 16
            guard start < digits.count else { return 0 }
            let end = min(start + 16, digits.count)
            var word: UInt64 = 0
            for position in start..<end {
                let nibble = value(of: digits[position])
                if nibble > 15 { isHexadecimal = false }
                word = word << 4 | UInt64(nibble & 15)
            }
            return word << UInt64(4 * (16 - (end - start)))
        }
        let hash = CommitHash(a: word(0), b: word(1), c: word(2), d: word(3), count: digits.count)
        return isHexadecimal ? hash : nil
    }

    private static func value(of digit: UInt8) -> UInt8 {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: .max
        }
    }

    var text: String {
        let digits = Array("0123456789abcdef".utf8)
        let words = [a, b, c, d]
        let bytes = (0..<count).map { digits[Int(words[$0 / 16] >> UInt64(4 * (15 - $0 % 16)) & 15)] }
        return String(decoding: bytes, as: UTF8.self)
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
