import Sluice

/// How far a command has come, and when to show it: no I/O, no clock.
struct ProgressState {
    /// What takes no longer than this shows nothing.
    static let patience = Duration.seconds(1)
    /// How often it is shown at most.
    static let interval = Duration.milliseconds(100)

    let title: String
    let unit: ProgressUnit
    /// What was done before, as by a job that goes on.
    let base: Int64
    let start: MonotonicTime
    private(set) var done: Int64
    private(set) var total: Int64?
    /// Set where the share is known in another way than by the total.
    private(set) var ownShare: Double?
    private var shownAt: MonotonicTime?
    private(set) var isFinished = false

    init(_ title: String, _ unit: ProgressUnit, total: Int64?, base: Int64, at start: MonotonicTime) {
        self.title = title
        self.unit = unit
        self.base = base
        self.start = start
        self.total = total
        done = base
    }

    /// - Returns: whether to show it now.
    mutating func update(_ done: Int64, of total: Int64?, share: Double?, at now: MonotonicTime) -> Bool {
        guard !isFinished else { return false }
        self.done = done
        if let total { self.total = total }
        if let share { ownShare = share }
        guard start.duration(to: now) >= Self.patience else { return false }
        if let shownAt, shownAt.duration(to: now) < Self.interval { return false }
        shownAt = now
        return true
    }

    /// - Returns: whether something is shown that has to go.
    mutating func finish() -> Bool {
        defer { isFinished = true }
        return !isFinished && shownAt != nil
    }

    /// From 0 to 1; nil where that is not known.
    var share: Double? {
        if let ownShare { return min(1, max(0, ownShare)) }
        guard let total, total > 0 else { return nil }
        return min(1, max(0, Double(done) / Double(total)))
    }

    /// How many a second; 0 before anything is done.
    func rate(at now: MonotonicTime) -> Double {
        let seconds = Double(now.nanoseconds(since: start)) / 1e9
        return seconds > 0 ? max(0, Double(done.subtractingSaturated(base))) / seconds : 0
    }

    /// Nil where that cannot be told.
    func secondsLeft(at now: MonotonicTime) -> Double? {
        let elapsed = Double(now.nanoseconds(since: start)) / 1e9
        if let share = ownShare, share > 0 { return elapsed * (1 - min(1, share)) / share }
        let rate = rate(at: now)
        guard let total, rate > 0 else { return nil }
        return Double(max(0, total.subtractingSaturated(done))) / rate
    }
}
