/// Pushes in the order in which they came, in little room. What they list stands in the same order, without gaps.
struct PushList {
    private struct Entry {
        let pushedAt: Int64
        let before: UInt32
        let after: UInt32
        let start: UInt32
        /// The number of the branch's name, and below it the traits.
        let mark: UInt32
    }

    private static let width: UInt32 = 4
    /// No branch. Names are in memory, so that there cannot be as many.
    private static let noRef = UInt32.max >> width

    private var entries = ChunkedArray<Entry>()
    /// Where the last push's list ends.
    private var end: UInt32 = 0

    var count: Int { entries.count }

    subscript(index: Int) -> PushLog.Push {
        let entry = entries[index]
        let end = index + 1 < entries.count ? entries[index + 1].start : end
        let ref = entry.mark >> Self.width
        return PushLog.Push(
            before: entry.before, after: entry.after, pushedAt: entry.pushedAt, start: entry.start,
            count: end - entry.start,
            traits: .init(rawValue: UInt8(truncatingIfNeeded: entry.mark & (1 << Self.width - 1))),
            ref: ref == Self.noRef ? PushLog.none : ref)
    }

    /// - Parameter push: begins where the one before ends.
    mutating func append(_ push: PushLog.Push) {
        let ref = push.ref == PushLog.none ? Self.noRef : push.ref
        entries.append(
            Entry(
                pushedAt: push.pushedAt, before: push.before, after: push.after, start: push.start,
                mark: ref << Self.width | UInt32(push.traits.rawValue)))
        end = push.start + push.count
    }
}
