/// The titles of commits, one after the other: a string of its own for each would take three times the room.
struct TitleArena {
    /// What is longer is cut.
    static let longest = 120
    private static let chunk = 1 << 20

    private var chunks: [[UInt8]] = []

    /// - Returns: where it is kept; nil where there is no more room, at 4 GiB.
    mutating func add(_ title: UnsafeBufferPointer<UInt8>) -> UInt32? {
        if chunks.isEmpty || chunks[chunks.count - 1].count + title.count > Self.chunk {
            guard chunks.count < 4_096 else { return nil }
            chunks.append([])
            chunks[chunks.count - 1].reserveCapacity(Self.chunk)
        }
        let offset = (chunks.count - 1) << 20 + chunks[chunks.count - 1].count
        chunks[chunks.count - 1].append(contentsOf: title)
        return UInt32(offset)
    }

    func bytes(at offset: UInt32, _ count: Int) -> ArraySlice<UInt8> {
        let start = Int(offset) & (Self.chunk - 1)
        return chunks[Int(offset) >> 20][start..<start + count]
    }
}
