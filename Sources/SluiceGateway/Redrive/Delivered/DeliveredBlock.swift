import Foundation
import Sluice

/// Which of 4,096 consecutive events of a partition a sink has delivered: a bit each.
struct DeliveredBlock: Sendable, Equatable {
    /// How many events it is about.
    static let size: Int64 = 4_096
    private static let words = Int(size / 64)

    /// 64 words, the first event lowest; none where all are delivered.
    private var words: [UInt64] = Array(repeating: 0, count: words)

    /// The block that an offset is in; nil for an offset that no partition has.
    static func number(of offset: Int64) -> Int64? { offset >= 0 ? offset / size : nil }

    var isFull: Bool { words.isEmpty }

    var count: Int64 { isFull ? Self.size : words.reduce(0) { $0 + Int64($1.nonzeroBitCount) } }

    /// - Parameter offset: of the partition.
    func contains(_ offset: Int64) -> Bool {
        guard offset >= 0 else { return false }
        let index = Int(offset % Self.size)
        return isFull || words[index / 64] & 1 << UInt64(index % 64) != 0
    }

    /// - Returns: whether it is news.
    @discardableResult
    mutating func insert(_ offset: Int64) -> Bool {
        guard offset >= 0, !contains(offset) else { return false }
        let index = Int(offset % Self.size)
        words[index / 64] |= 1 << UInt64(index % 64)
        shorten()
        return true
    }

    mutating func form(unionWith other: DeliveredBlock) {
        guard !isFull else { return }
        guard !other.isFull else { return words = [] }
        for index in words.indices { words[index] |= other.words[index] }
        shorten()
    }

    func union(_ other: DeliveredBlock) -> DeliveredBlock {
        var union = self
        union.form(unionWith: other)
        return union
    }

    private mutating func shorten() {
        // The highest bit comes last as a rule.
        if words.last == .max, words.allSatisfy({ $0 == .max }) { words = [] }
    }

    // MARK: As it is kept

    /// `{"delivered":"…"}`: the bits in base 64, the first event lowest in the first byte, without bytes of 0 at the end.
    var encoded: [UInt8] {
        var bytes = (isFull ? Array(repeating: .max, count: Self.words) : words).flatMap { word in
            (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
        }
        while bytes.last == 0 { bytes.removeLast() }
        return JSONWriter.object { $0.member("delivered", Data(bytes).base64EncodedString()) }
    }

    /// Nil for what cannot be read.
    static func decode(_ payload: [UInt8]) -> DeliveredBlock? {
        var text: String?
        do {
            try JSONReader.read(payload) { (reader) throws(JSONError) in
                try reader.fields { (reader) throws(JSONError) in
                    try reader.field("delivered", &text)
                }
            }
        } catch {
            return nil
        }
        guard let bytes = text.flatMap({ Data(base64Encoded: $0) }), bytes.count <= words * 8 else { return nil }
        var block = DeliveredBlock()
        for (index, byte) in bytes.enumerated() { block.words[index / 8] |= UInt64(byte) << UInt64(8 * (index % 8)) }
        block.shorten()
        return block
    }
}
