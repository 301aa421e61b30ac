/// How long a message waits whose rejection does not say: not at all the first time, then ever longer (``Settler``).
package struct RedeliveryPacing: Sendable {
    private let first: Duration
    private let longest: Duration

    /// - Parameters:
    ///   - first: the wait after the second attempt; each one after it is twice as long.
    ///   - longest: no wait is longer.
    package init(from first: Duration = .milliseconds(1), upTo longest: Duration = .seconds(1)) {
        self.first = first
        self.longest = longest
    }

    /// - Parameter attempt: the one that was rejected, from 1.
    package func delay(afterAttempt attempt: Int) -> Duration {
        guard attempt > 1 else { return .zero }
        let nanoseconds = first.wholeNanoseconds.multipliedSaturated(by: 1 << UInt64(min(attempt - 2, 40)))
        return min(longest, .nanoseconds(Int64(clamping: nanoseconds)))
    }
}
