/// An array that grows without being copied: millions of elements never take their room twice.
struct ChunkedArray<Element: Sendable>: RandomAccessCollection, Sendable {
    private static var shift: Int { 14 }
    private static var mask: Int { 1 << shift - 1 }

    private var chunks: [[Element]] = []
    private(set) var count = 0

    var startIndex: Int { 0 }
    var endIndex: Int { count }

    subscript(index: Int) -> Element {
        get { chunks[index >> Self.shift][index & Self.mask] }
        _modify { yield &chunks[index >> Self.shift][index & Self.mask] }
    }

    /// All of them one behind the other.
    var all: [Element] {
        var all: [Element] = []
        all.reserveCapacity(count)
        for chunk in chunks { all += chunk }
        return all
    }

    mutating func append(_ element: Element) {
        if count & Self.mask == 0 {
            chunks.append([])
            // The first one may stay small.
            if count > 0 { chunks[chunks.count - 1].reserveCapacity(1 << Self.shift) }
        }
        chunks[chunks.count - 1].append(element)
        count += 1
    }
}
