import Sluice

/// How long a commit waits for others to join it.
///
/// Those whom a commit has answered come back at once as a rule, one after the other, and the first of them would begin a commit
/// that none of the others shares. So after a commit that has answered many, the next one waits for as many again, for a small
/// part of the time that the last one took.
struct CommitGathering {
    /// Fewer are not waited for.
    static let least = 16
    static let longest = Duration.milliseconds(1)

    /// How many the last commit has answered; 0 where none are waited for.
    private var expected = 0
    private var begun = MonotonicTime(nanoseconds: 0)
    private var until: MonotonicTime?

    /// A commit begins.
    /// - Parameter appends: how many wait for it.
    mutating func noteCommit(of appends: Int, _ now: MonotonicTime) {
        (expected, begun, until) = (appends >= Self.least ? appends : 0, now, nil)
    }

    /// - Parameter waiting: how many wait for the next commit, which may begin.
    /// - Returns: until when it had better wait; nil to begin.
    mutating func wait(_ waiting: Int, _ now: MonotonicTime) -> MonotonicTime? {
        guard expected > 0 else { return nil }
        // Counted from the end of the commit: what comes much later waits for none.
        let until = self.until ?? now.advanced(by: min(begun.duration(to: now) / 4, Self.longest))
        self.until = until
        return now < until && !isWhole(waiting) ? until : nil
    }

    func isWhole(_ waiting: Int) -> Bool { waiting >= expected }
}
