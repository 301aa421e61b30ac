/// What was known when an attempt failed. From it follows, by the policy of now, what the message does next.
final class RetryWait: Sendable {
    enum Verdict: Equatable {
        /// It is tried again then.
        case due(MonotonicTime)
        /// Its attempts or its time are used up.
        case exhausted
        /// Only this time, which the other side named, is too far away: the message goes back, and comes again after it.
        case tooLong(MonotonicTime)
    }

    let error: any Error
    let reason: String
    /// When the attempt failed.
    let start: MonotonicTime
    /// The attempt that failed, from 1.
    let attempt: Int
    /// How many answers have asked to slow down, where this one did too; else 0.
    let throttledAnswers: Int
    /// The time that the destination named.
    let named: NamedTime?
    /// Which of a route's middlewares waits.
    let owner: ObjectIdentifier
    private let live: Live<Retry>
    private let destination: Live<Destination.Configuration>
    /// The jitter, from 0 to 1: drawn once, so that another policy draws nothing better.
    private let draw: Double

    init(
        _ error: any Error, _ attempt: Int, throttledAnswers: Int, named: NamedTime?, at start: MonotonicTime,
        draw: Double, owner: ObjectIdentifier, _ live: Live<Retry>, _ destination: Live<Destination.Configuration>
    ) {
        self.error = error
        self.attempt = attempt
        self.throttledAnswers = throttledAnswers
        self.named = named
        self.start = start
        self.draw = draw
        self.owner = owner
        self.live = live
        self.destination = destination
        reason = Disposition.reason(of: error)
    }

    var isThrottled: Bool { throttledAnswers > 0 }

    /// Of the policies that it follows from.
    var bells: [ChangeBell] {
        [live.changes, destination.changes] + ((error as? InProgressError).map { [$0.live.changes] } ?? [])
    }

    /// - Parameter firstFailure: the message's, later by what is no fault of its own.
    func verdict(_ firstFailure: MonotonicTime) -> Verdict {
        let policy = live.policy
        let pause =
            if isThrottled {
                // A time of 0 names none: kept, it would be a loop without an end.
                named.map { $0.duration > .zero } ?? false
                    ? Duration.zero : policy.throttledBackoff.delay(beforeRetry: throttledAnswers, draw: draw)
            } else {
                policy.pause(after: attempt, draw: draw)
            }
        let end = policy.end(firstFailure) ?? MonotonicTime(nanoseconds: .max)
        let isWorthIt = policy.when?(error) ?? true
        if !isThrottled, !isWorthIt || attempt >= policy.attempts || start.advanced(by: pause) > end {
            return .exhausted
        }
        let other =
            named?.end(destination.policy.retryAfter) ?? start.advanced(by: (error as? InProgressError)?.delay ?? .zero)
        let due = max(start.advanced(by: pause), other)
        return isWorthIt && due <= end ? .due(due) : .tooLong(due)
    }
}
