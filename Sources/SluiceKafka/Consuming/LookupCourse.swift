import Sluice

/// Decides when a consumer asks where its partitions go on, and which answer counts. A state machine without I/O.
struct LookupCourse {
    /// Of the question whose answer counts; nil when the next one is due at `retry`.
    private var current: UInt?
    private(set) var retry = MonotonicTime.longAgo
    private var failures = 0
    private var last: UInt = 0
    /// Since when the coordinator was asked, by the numbers of the questions. None may time out (``AdminClient``): the
    /// client is replaced before.
    private var open: [UInt: MonotonicTime] = [:]

    private static let backoff = Backoff.exponential(from: .milliseconds(250), upTo: .seconds(10), jitter: false)
    private static let patience = Duration.seconds(1_800)

    var isUnderWay: Bool { current != nil }

    func isDue(_ now: MonotonicTime) -> Bool { !isUnderWay && now >= retry }

    /// Whether the coordinator has owed an answer for so long that the client must go.
    func isStuck(_ now: MonotonicTime) -> Bool {
        open.values.min().map { now >= $0.advanced(by: Self.patience) } ?? false
    }

    // MARK: What happens

    /// Other partitions come: what was asked before does not count any more.
    mutating func begin(_ now: MonotonicTime) {
        (current, retry, failures) = (nil, now, 0)
    }

    /// - Returns: the question's number.
    mutating func ask(_ now: MonotonicTime) -> UInt {
        last += 1
        open[last] = now
        current = last
        return last
    }

    /// - Returns: whether the answer counts.
    mutating func answered(_ number: UInt) -> Bool {
        open[number] = nil
        return number == current
    }

    /// The answer says nothing: it is asked again.
    mutating func postpone(_ now: MonotonicTime) {
        current = nil
        failures += 1
        retry = now.advanced(by: Self.backoff.bound(beforeRetry: failures))
    }

    /// The client that was asked is gone.
    mutating func forget() {
        open = [:]
    }
}
