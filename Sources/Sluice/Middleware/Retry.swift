import Logging
import Synchronization

/// Tries again what failed and may pass: after a growing, jittered wait, while attempts, time and budget last.
///
/// Errors say what to do (``Disposition``): what can never succeed is not tried again; a time that the other side named
/// (Retry-After) is kept by every message of the route, so that nothing is sent before it; a destination at fault
/// holds the route and uses up nothing. Retry gives up by throwing the last error.
public struct Retry: Middleware {
    /// What a hook is told of each retry.
    public struct Event: Sendable {
        /// The attempt that failed, from 1.
        public let attempt: Int
        /// The wait that follows, as it is really waited.
        public let delay: Duration
        public let error: any Error
    }

    /// Attempts in all, the first included. At least 1; default 5.
    public var maxAttempts = 5
    /// Default: from 100 ms, doubling, up to 30 s, with full jitter.
    public var backoff: Backoff = .exponential()
    /// No wait begins that would end later than this after the first failure; nil sets no bound. Default 2 minutes.
    /// When only a Retry-After is longer, the message is rejected and not exhausted.
    public var maxElapsed: Duration? = .seconds(120)
    /// What all messages of the route share; nil sets no bound. Default: a fifth of the successes, 100 saved up.
    public var budget: RetryBudget.Configuration? = RetryBudget.Configuration()
    /// Called before each wait.
    public var onRetry: (@Sendable (Event, HandlerContext) -> Void)?

    public init(maxAttempts: Int = 5) {
        self.maxAttempts = maxAttempts
    }

    public func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler {
        guard maxAttempts >= 1 else { throw ConfigurationError("Retry.maxAttempts", expected: "at least 1") }
        if let maxElapsed, maxElapsed <= .zero { throw ConfigurationError("Retry.maxElapsed", expected: "more than 0") }
        try backoff.validate("Retry.backoff")
        try budget?.validate()
        route.noteRetry()
        let attempts = RetryingRoute(policy: self, route: route)
        return { message, context in
            try await attempts.handle(message, context, next)
        }
    }
}

/// A policy at work for one route.
private final class RetryingRoute: Sendable {
    /// A destination that refuses everything is not asked in a hot loop, whatever its error says.
    private static let shortestHold = Duration.milliseconds(100)

    private let policy: Retry
    private let budget: RetryBudget?
    private let gate: RetryGate
    private let retries: LabelledCounters
    private let exhausted: LabelledCounters
    private let holds: LabelledCounters
    private let waited: HistogramHandle
    private let logger: Logger
    private let time: RouterTime
    /// Whether the log says that attempts fail, and not yet that they succeed again.
    private let failing = Atomic<Bool>(false)

    init(policy: Retry, route: RouteScope) {
        self.policy = policy
        let budget = policy.budget.map(RetryBudget.init)
        self.budget = budget
        gate = route.gate
        logger = route.logger
        time = route.time
        retries = LabelledCounters(
            route, .retries, label: "reason", known: ["timeout", "other"])
        exhausted = LabelledCounters(
            route, .retriesExhausted, label: "reason", known: ["budget", "timeout", "other"])
        holds = LabelledCounters(route, .holds, label: "reason", known: ["other"])
        waited = route.instruments.histogram(.retryBackoff, [route.label])
        route.instruments.gauge(.retryMaxAttempts, [route.label]).set(Double(policy.maxAttempts))
        let remaining = route.instruments.gauge(.retryBudgetRemaining, [route.label])
        let held = route.instruments.gauge(.routeHeld, [route.label])
        route.instruments.onRefresh(for: self) { [gate] in
            remaining.set(budget?.remaining ?? 1)
            held.set(gate.isHolding ? 1 : 0)
        }
    }

    func handle(_ message: Message, _ context: HandlerContext, _ next: Handler) async throws -> [Message] {
        var context = context
        var first: MonotonicTime?
        while true {
            let shut = try await gate.pass(context)
            // What other messages were told, and a hold, use up none of this one's time.
            if shut > 0 { first = first?.advanced(by: .nanoseconds(Int64(clamping: shut))) }
            do {
                let produced = try await next(message, context)
                budget?.deposit()
                gate.open()
                noteSuccess()
                return produced
            } catch {
                if Task.isCancelled || context.isInterruption(error) { throw error }
                switch Disposition(of: error).kind {
                case .poison, .discard:
                    throw error
                case .hold(let reason, let duration):
                    holds.increment(Disposition.reason(of: error))
                    gate.hold(reason, for: max(duration, Self.shortestHold), context)
                case .retry(let after):
                    // Without a first failure no clock is read: the elapsed time counts from there.
                    let began = first ?? time.now
                    // What a pause adds uses up none of the message's time.
                    first = began.advanced(
                        by: try await wait(after: after, error: error, since: began, context))
                    context.attempt += 1
                }
            }
        }
    }

    /// - Returns: how long the wait was made by a pause of the route.
    private func wait(
        after: Duration?, error: any Error, since began: MonotonicTime, _ context: HandlerContext
    ) async throws -> Duration {
        let reason = Disposition.reason(of: error)
        let now = time.now
        // A duplicate waits for its twin alone; what the destination says concerns every message.
        if let after, !(error is InProgressError) { gate.close(until: now.advanced(by: after)) }
        let pause = policy.backoff.delay(beforeRetry: context.attempt, by: time)
        let delay = max(pause, after ?? .zero)
        let end = policy.maxElapsed.map { began.advanced(by: $0) } ?? MonotonicTime(nanoseconds: .max)
        let isLate = now.advanced(by: pause) > end
        guard context.attempt < policy.maxAttempts, !isLate else {
            exhausted.increment(reason)
            context.delivery.trace.isExhausted = true
            throw error
        }
        // A time that the other side named is no fault of the message: it goes back and comes again after it.
        guard now.advanced(by: delay) <= end else {
            exhausted.increment(reason)
            throw error
        }
        guard budget?.withdraw() ?? true else {
            exhausted.increment("budget")
            throw error
        }
        retries.increment(reason)
        waited.observe(delay.inSeconds)
        noteFailure(context, error, reason)
        policy.onRetry?(Retry.Event(attempt: context.attempt, delay: delay, error: error), context)
        return try await context.wait(for: delay, booking: .backoff)
    }

    /// One line when an outage begins: an attempt that fails now and then is not worth one.
    private func noteFailure(_ context: HandlerContext, _ error: any Error, _ reason: String) {
        guard context.attempt == 3, !failing.exchange(true, ordering: .relaxed) else { return }
        logger.warning(
            "attempts fail; messages wait and are tried again",
            metadata: ["attempts": "\(context.attempt)", "error": "\(error)", "reason": "\(reason)"])
    }

    private func noteSuccess() {
        guard failing.load(ordering: .relaxed), failing.exchange(false, ordering: .relaxed) else { return }
        logger.notice("attempts succeed again")
    }
}
