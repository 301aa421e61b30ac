/// Tries again what failed and may pass: after a growing, jittered wait, while attempts, time and the destination's budget
/// last.
///
/// Errors say what to do (``Disposition``): what can never succeed is not tried again; a time that the other side named
/// (Retry-After) is kept by every message to the ``Destination``, so that nothing is sent before it; a destination at
/// fault is held and uses up nothing, and neither does one that asks to slow down. Retry gives up by throwing the last error.
///
/// Attempts and time are the message's, not those of one pass through the chain: where the route keeps a rejected message
/// and delivers it again, they go on from where they were. A message that has used them up gets one attempt each time that
/// it is delivered again, as far as its destination's budget allows, unless a ``PoisonQueue`` with the filter
/// ``PoisonQueue/Filter/exhausted`` moves it.
///
/// Each number can be changed while messages are under way (``Live``).
///
/// ```swift
/// Retry(maxAttempts: 3, backoff: .constant(.milliseconds(200)), when: { $0 is WarehouseBusy })
/// ```
///
/// A custom middleware that tries again calls ``HandlerContext/retry(after:because:_:)``.
public struct Retry: LiveMiddleware {
    /// What a hook is told of each retry.
    public struct Event: Sendable {
        /// The attempt that failed, from 1. After a throttled answer the next attempt has the same number.
        public let attempt: Int
        /// The wait that follows, as it is really waited unless the policy changes meanwhile.
        public let delay: Duration
        public let error: any Error
    }

    /// What becomes of a message that has used up its attempts or its time.
    public enum Exhaustion: String, Sendable, CaseIterable {
        /// It is rejected with its last error, so that it is delivered again, with one attempt each time; unless a
        /// ``PoisonQueue`` with the filter ``PoisonQueue/Filter/exhausted`` moves it.
        case redeliver
        /// It is a poison message from now on (``ExhaustedError``): a ``PoisonQueue`` with any filter moves it.
        case poison
    }

    /// Attempts in all, the first included; throttled ones are not counted. At least 1; default 5.
    public var maxAttempts = 5
    /// Waits after a failure. Default: from 100 ms, doubling, up to 30 s, with full jitter.
    public var backoff: Backoff = .exponential()
    /// Waits after an answer that asks to slow down and names no time, or one of 0 (``Disposition/throttled(after:)``).
    /// Default: from 1 s, doubling, up to 5 minutes, with full jitter.
    public var throttledBackoff: Backoff = .exponential(from: .seconds(1), upTo: .seconds(300))
    /// No wait begins that would end later than this after the first failure; nil sets no bound. Waiting for a time that
    /// the destination named, for a hold, and for the budget does not count. More than 0; default 2 minutes.
    /// When only a Retry-After is longer, the message is rejected and not exhausted.
    public var maxElapsed: Duration? = .seconds(120)
    /// The wait before each retry, one by one and without jitter, such as 5 s, 5 min, 30 min, 2 h: there are as many retries
    /// as waits. It stands in the place of ``maxAttempts``, ``maxElapsed`` and ``backoff``, which then count for nothing. Nil,
    /// the default, is none. From 1 to 100 waits of 0 or more.
    public var schedule: [Duration]?
    /// A message that waits longer than this for its next attempt frees its worker meanwhile; nil has every wait keep its worker.
    /// 0 or more; default 5 s. In order nothing behind it is taken up: a serial route waits, other keys go on.
    ///
    /// The number of the attempt, the first failure and the time of the next attempt survive a restart on the embedded log, and,
    /// in routes without an order, on RabbitMQ where its queues may be declared. Elsewhere they are kept in memory alone: after a
    /// restart a message begins with attempt 1, at once. Over HTTP, and in order over RabbitMQ, a wait keeps its worker.
    ///
    /// The route keeps the message meanwhile, so that a change of the policy (``Live``) reaches it at once; in a route without
    /// an order up to 16 MiB of them. What is more, and what comes over RabbitMQ, waits at its source, for the time that was
    /// said then.
    public var handBackAfter: Duration? = .seconds(5)
    /// Default ``Exhaustion/redeliver``.
    public var exhaustion = Exhaustion.redeliver
    /// Which failures are worth another attempt, of those that may pass; nil, the default, is all of them. After another one
    /// the message's attempts are used up.
    public var when: (@Sendable (any Error) -> Bool)?
    /// Called before each wait.
    public var onRetry: (@Sendable (Event, HandlerContext) -> Void)?

    /// Each parameter is the property of its name, which says its default and range.
    public init(
        maxAttempts: Int = 5, backoff: Backoff = .exponential(),
        throttledBackoff: Backoff = .exponential(from: .seconds(1), upTo: .seconds(300)),
        maxElapsed: Duration? = .seconds(120), schedule: [Duration]? = nil, handBackAfter: Duration? = .seconds(5),
        exhaustion: Exhaustion = .redeliver, when: (@Sendable (any Error) -> Bool)? = nil,
        onRetry: (@Sendable (Event, HandlerContext) -> Void)? = nil
    ) {
        self.maxAttempts = maxAttempts
        self.backoff = backoff
        self.throttledBackoff = throttledBackoff
        self.maxElapsed = maxElapsed
        self.schedule = schedule
        self.handBackAfter = handBackAfter
        self.exhaustion = exhaustion
        self.when = when
        self.onRetry = onRetry
    }

    public func validate() throws(ConfigurationError) {
        try ConfigurationCheck.all(of: "Retry") { check in
            check("maxAttempts", maxAttempts, in: 1...)
            check("maxElapsed", maxElapsed, above: .zero)
            check("handBackAfter", handBackAfter, in: .zero...)
            check("schedule", schedule.map { (1...100).contains($0.count) } ?? true, expected: "from 1 to 100 waits")
            check("schedule", schedule?.min(), in: .zero...)
            check.include { () throws(ConfigurationError) in try backoff.validate("Retry.backoff") }
            check.include { () throws(ConfigurationError) in try throttledBackoff.validate("Retry.throttledBackoff") }
        }
    }

    public static func wrap(_ next: @escaping Handler, for route: RouteScope, by live: Live<Retry>) throws -> Handler {
        route.noteRetry()
        let attempts = RetryingRoute(live, route: route)
        // The attempt that succeeds, apart from all that others need: neither another call nor another context.
        return { message, context in
            guard attempts.isPassable(context) else { return try await attempts.handle(message, context, next) }
            do {
                let produced = try await next(message, context)
                attempts.noteSuccess()
                return produced
            } catch {
                return try await attempts.handle(message, context, after: error, next)
            }
        }
    }

    /// Attempts in all.
    var attempts: Int { schedule.map { $0.count.addingSaturated(1) } ?? maxAttempts }

    /// When a message that first failed then has used up its time; nil sets no bound.
    func end(_ firstFailure: MonotonicTime) -> MonotonicTime? {
        schedule == nil ? maxElapsed.map { firstFailure.advanced(by: $0) } : nil
    }

    /// The wait after a failed attempt.
    /// - Parameter draw: the jitter, from 0 to 1.
    func pause(after attempt: Int, draw: Double) -> Duration {
        guard let schedule else { return backoff.delay(beforeRetry: attempt, draw: draw) }
        return schedule[min(max(attempt, 1), schedule.count) - 1]
    }
}
