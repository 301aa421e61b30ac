import Sluice

/// How far a group's messages have come that wait for their next attempt, and what of that the file does not know yet.
struct ProgressLedger {
    /// What was written, to be confirmed once it is committed.
    struct Change {
        let offset: Int64
        /// Nil to forget it.
        let progress: Delivery.Progress?
        fileprivate let number: UInt64
    }

    private(set) var entries: [Int64: Delivery.Progress]
    /// The changes that are not written, each with its number.
    private var unwritten: [Int64: UInt64] = [:]
    private var number: UInt64 = 0

    /// - Parameter entries: what the file says.
    init(_ entries: [Int64: Delivery.Progress] = [:]) {
        self.entries = entries
    }

    var isEmpty: Bool { entries.isEmpty }

    /// In the order of their offsets.
    var changes: [Change] {
        unwritten.sorted { $0.key < $1.key }.map { Change(offset: $0.key, progress: entries[$0.key], number: $0.value) }
    }

    mutating func note(_ offset: Int64, _ progress: Delivery.Progress) {
        entries[offset] = progress
        change(offset)
    }

    /// - Returns: whether anything was known of it.
    @discardableResult
    mutating func forget(_ offset: Int64) -> Bool {
        guard entries.removeValue(forKey: offset) != nil else { return false }
        change(offset)
        return true
    }

    mutating func forget(in range: ClosedRange<Int64>) {
        for offset in entries.keys where range.contains(offset) { forget(offset) }
    }

    /// These are in the file now.
    mutating func confirm(_ written: [Change]) {
        for change in written where unwritten[change.offset] == change.number { unwritten[change.offset] = nil }
    }

    private mutating func change(_ offset: Int64) {
        number += 1
        unwritten[offset] = number
    }
}
