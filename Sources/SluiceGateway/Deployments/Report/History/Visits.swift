/// Which commits a walk has come by: a bit each, and what to clear for the next walk.
struct Visits {
    private var bits: [UInt64]
    private var set: [UInt32] = []

    init(commits: Int) {
        bits = [UInt64](repeating: 0, count: (commits + 63) / 64)
    }

    mutating func begin() {
        for commit in set { bits[Int(commit >> 6)] = 0 }
        set.removeAll(keepingCapacity: true)
    }

    func has(_ commit: UInt32) -> Bool { bits[Int(commit >> 6)] & 1 << UInt64(commit & 63) != 0 }

    /// - Returns: false where it was visited before.
    mutating func visit(_ commit: UInt32) -> Bool {
        let (index, bit) = (Int(commit >> 6), UInt64(1) << UInt64(commit & 63))
        guard bits[index] & bit == 0 else { return false }
        bits[index] |= bit
        set.append(commit)
        return true
    }
}
