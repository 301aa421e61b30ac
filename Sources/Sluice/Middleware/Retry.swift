import Logging
import Synchronization

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
/// ```swift
/// Retry(maxAttempts: 3, backoff: .constant(.milliseconds(200)), when: { $0 is WarehouseBusy })
/// ```
///
/// A middleware of one's own that tries again calls ``HandlerContext/retry(after:because:_:)``.
public struct Retry: Middleware {
    /// What a hook is told of each retry.
    public struct Event: Sendable {
        /// The attempt that failed, from 1. After a throttled answer the next attempt has the same number.
        public let attempt: Int
        /// The wait that follows, as it is really waited.
        public let delay: Duration
        public let error: any Error
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
    /// A message that waits longer than this for its next attempt frees its worker meanwhile, where the route keeps what it
    /// rejects; nil has every wait keep its worker. 0 or more; default 5 s.
    public var handBackAfter: Duration? = .seconds(5)
    /// Which failures are worth another attempt, of those that may pass; nil, the default, is all of them. After another one
    /// the message's attempts are used up.
    public var when: (@Sendable (any Error) -> Bool)?
    /// Called before each wait.
    public var onRetry: (@Sendable (Event, HandlerContext) -> Void)?

    /// Each parameter is the property of its name, which says its default and range.
    public init(
        maxAttempts: Int = 5, backoff: Backoff = .exponential(),
        throttledBackoff: Backoff = .exponential(from: .seconds(1), upTo: .seconds(300)),
        maxElapsed: Duration? = .seconds(120), handBackAfter: Duration? = .seconds(5),
        when: (@Sendable (any Error) -> Bool)? = nil,
        onRetry: (@Sendable (Event, HandlerContext) -> Void)? = nil
    ) {
        self.maxAttempts = maxAttempts
        self.backoff = backoff
        self.throttledBackoff = throttledBackoff
        self.maxElapsed = maxElapsed
        self.handBackAfter = handBackAfter
        self.when = when
        self.onRetry = onRetry
    }

    public func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler {
        try ConfigurationCheck.all(of: "Retry") { check in
            check("maxAttempts", maxAttempts, in: 1...)
            check("maxElapsed", maxElapsed, above: .zero)
            check("handBackAfter", handBackAfter, in: .zero...)
            check.include { () throws(ConfigurationError) in try backoff.validate("Retry.backoff") }
            check.include { () throws(ConfigurationError) in try throttledBackoff.validate("Retry.throttledBackoff") }
        }
        route.noteRetry()
        let attempts = RetryingRoute(policy: self, route: route)
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
}

/// A policy at work for one route.
private final class RetryingRoute: Sendable {
    private let policy: Retry
    private let destination: Destination
    private let meter: RetryMeter
    private let logger: Logger
    private let time: RouterTime
    /// Whether the log says that attempts fail, and not yet that they succeed again.
    private let failing = Atomic<Bool>(false)

    init(policy: Retry, route: RouteScope) {
        self.policy = policy
        destination = route.destination
        var logger = route.logger
        logger[metadataKey: "destination"] = "\(route.destination.name)"
        self.logger = logger
        time = route.time
        meter = route.meterOfRetries
        route.instruments.gauge(.retryMaxAttempts, [route.label]).set(Double(policy.maxAttempts))
        // The first release's name and label for what is the destination's now: it goes with the next release.
        let remaining = route.instruments.gauge(.retryBudgetRemaining, [route.label])
        route.instruments.onRefresh(for: self) { [destination] in
            remaining.set(destination.budget?.read(firsts: destination.books.firsts).remaining ?? 1)
        }
    }

    /// Whether the message's next attempt is its first, and nothing holds it up.
    func isPassable(_ context: HandlerContext) -> Bool {
        context.delivery.trace.nextAttempt == 1 && destination.isOpen
    }

    /// - Parameter failure: how the attempt before ended; nil when there is none yet.
    func handle(
        _ message: Message, _ context: HandlerContext, after failure: (any Error)? = nil, _ next: Handler
    ) async throws -> [Message] {
        var context = context
        var failure = failure
        while true {
            if let failure { try await waitAfter(failure, context) }
            context.attempt = context.delivery.trace.nextAttempt
            try await destination.pass(context)
            do {
                let produced = try await next(message, context)
                noteSuccess()
                return produced
            } catch {
                failure = error
            }
        }
    }

    /// Returns when there is to be another attempt.
    /// - Throws: the error, when there is to be none.
    private func waitAfter(_ error: any Error, _ context: HandlerContext) async throws {
        if Task.isCancelled || context.isInterruption(error) { throw error }
        switch Disposition(of: error).kind {
        case .poison, .discard:
            throw error
        case .hold:
            destination.heed(error, context)
        case .retry, .throttled:
            let named = destination.heed(error, context)
            try await wait(error, named: named, context)
        }
    }

    /// - Parameter named: the time until which the destination wants no message.
    private func wait(_ error: any Error, named: Duration?, _ context: HandlerContext) async throws {
        let reason = Disposition.reason(of: error)
        let now = time.now
        let isThrottled = Disposition(of: error).isThrottled && !(error is InProgressError)
        let began = context.delivery.trace.noteFailure(at: now)
        let pause: Duration
        if isThrottled {
            let answers = context.delivery.trace.countThrottledAnswer()
            // A time of 0 names none: kept, it would be a loop without an end.
            pause = named ?? .zero > .zero ? .zero : policy.throttledBackoff.delay(beforeRetry: answers, by: time)
        } else {
            context.delivery.trace.countFailedAttempt()
            pause = policy.backoff.delay(beforeRetry: context.attempt, by: time)
        }
        let delay = max(pause, named ?? (error as? InProgressError)?.delay ?? .zero)
        let end = policy.maxElapsed.map { began.advanced(by: $0) } ?? MonotonicTime(nanoseconds: .max)
        let isWorthIt = policy.when?(error) ?? true
        if !isThrottled, !isWorthIt || context.attempt >= policy.maxAttempts || now.advanced(by: pause) > end {
            meter.exhausted.increment(reason)
            context.delivery.trace.isExhausted = true
            throw error
        }
        if isThrottled { context.delivery.trace.postponeFailure(by: delay.wholeNanoseconds) }
        // A time that the other side named is no fault of the message: it goes back and comes again after it.
        guard isWorthIt, now.advanced(by: delay) <= end else {
            meter.exhausted.increment(reason)
            throw error
        }
        guard destination.takePermit(for: context.delivery) else {
            meter.exhausted.increment("budget")
            throw error
        }
        meter.retries.increment(reason)
        meter.waited.observe(delay.inSeconds)
        noteFailure(context, error, reason)
        policy.onRetry?(Retry.Event(attempt: context.attempt, delay: delay, error: error), context)
        if context.isKept, let longest = policy.handBackAfter, delay > longest {
            throw HandedBackError(error, due: now.advanced(by: delay))
        }
        destination.books.beginWaiting()
        defer { destination.books.endWaiting() }
        let paused = try await context.wait(for: delay, booking: .backoff)
        // What a pause of the route adds uses up none of the message's time.
        context.delivery.trace.postponeFailure(by: paused.wholeNanoseconds)
    }

    /// One line when an outage begins: an attempt that fails now and then is not worth one.
    private func noteFailure(_ context: HandlerContext, _ error: any Error, _ reason: String) {
        guard context.attempt >= 3, !failing.exchange(true, ordering: .relaxed) else { return }
        logger.warning(
            "attempts fail; messages wait and are tried again",
            metadata: ["attempts": "\(context.attempt)", "error": "\(error)", "reason": "\(reason)"])
    }

    func noteSuccess() {
        guard failing.load(ordering: .relaxed), failing.exchange(false, ordering: .relaxed) else { return }
        logger.notice("attempts succeed again")
    }
}

/// A message waits long for its next attempt and frees its worker meanwhile: the route keeps it and goes on with it when it
/// is due.
///
/// No failure: a middleware that catches errors lets this one through (``HandlerContext/isInterruption(_:)``).
struct HandedBackError: DispositionError, CustomStringConvertible {
    let underlying: any Error
    let due: MonotonicTime

    init(_ underlying: any Error, due: MonotonicTime) {
        self.underlying = underlying
        self.due = due
    }

    var disposition: Disposition { .retry() }
    var reason: String { Disposition.reason(of: underlying) }
    var description: String { "\(underlying); it is tried again" }
}

extension Metric {
    static let retryArea = Area(
        "Retry", "For routes with the middleware Retry.",
        [retries, retriesExhausted, retryBackoff, retryMaxAttempts, retryBudgetRemaining])

    public static let retries = counter(
        "sluice_retries_total",
        labels: [.handler, .reason],
        help: "Attempts after the first, by what made them necessary.")
    public static let retriesExhausted = counter(
        "sluice_retries_exhausted_total",
        labels: [.handler, .reason],
        help:
            "Deliveries for which Retry gave up, by the last error, or `budget` when there was no budget for another attempt."
    )
    public static let retryBackoff = histogram(
        "sluice_retry_backoff_seconds",
        labels: [.handler],
        buckets: Buckets.wait,
        help: "Time waited before each retry.")
    public static let retryMaxAttempts = gauge(
        "sluice_retry_max_attempts",
        labels: [.handler],
        help: "Attempts that Retry makes at most.")
    public static let retryBudgetRemaining = gauge(
        "sluice_retry_budget_remaining_ratio",
        labels: [.handler],
        help: "Deprecated: see sluice_destination_budget_remaining_ratio. Share of the retry budget that is left.")
}
