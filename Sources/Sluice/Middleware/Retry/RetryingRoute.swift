import Logging
import Synchronization
import Tracing

/// ``Retry`` at work for one route.
final class RetryingRoute: Sendable {
    private let live: Live<Retry>
    private let destination: Destination
    private let meter: RetryMeter
    private let logger: Logger
    private let time: RouterTime
    /// Whether the log says that attempts fail, and not yet that they succeed again.
    private let failing = Atomic<Bool>(false)

    init(_ live: Live<Retry>, route: RouteScope) {
        self.live = live
        destination = route.destination
        var logger = route.logger
        logger[metadataKey: "destination"] = "\(route.destination.name)"
        self.logger = logger
        time = route.time
        meter = route.meterOfRetries
        let maximum = route.instruments.gauge(.retryMaxAttempts, [route.label])
        // The first release's name and label for what is the destination's now: it goes with the next release.
        let remaining = route.instruments.gauge(.retryBudgetRemaining, [route.label])
        route.instruments.onRefresh(for: self) { [destination, live] in
            maximum.set(Double(live.policy.attempts))
            remaining.set(destination.budget.read(firsts: destination.books.firsts).remaining)
        }
    }

    /// Whether the message's next attempt is its first, and nothing holds it up.
    func isPassable(_ context: HandlerContext) -> Bool {
        context.delivery.trace.nextAttempt == 1 && destination.isOpen && context.handedBack == nil
    }

    /// - Parameter failure: how the attempt before ended; nil when there is none yet.
    func handle(
        _ message: Message, _ context: HandlerContext, after failure: (any Error)? = nil, _ next: Handler
    ) async throws -> [Message] {
        var context = context
        var failure = failure
        if failure == nil, let wait = context.handedBack, wait.owner == ObjectIdentifier(self) {
            try await finish(wait, context)
        }
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
            try await wait(note(error, named, context), context)
        }
    }

    /// Counts the attempt that has failed.
    private func note(_ error: any Error, _ named: NamedTime?, _ context: HandlerContext) -> RetryWait {
        let now = time.now
        _ = context.delivery.trace.noteFailure(at: now)
        var answers = 0
        if Disposition.asksToSlowDown(error) {
            answers = context.delivery.trace.countThrottledAnswer()
        } else {
            context.delivery.trace.countFailedAttempt()
        }
        return RetryWait(
            error, context.attempt, throttledAnswers: answers, named: named, at: now, draw: time.random(in: 0...1),
            owner: ObjectIdentifier(self), live, destination.live)
    }

    private func wait(_ wait: RetryWait, _ context: HandlerContext) async throws {
        let due = try due(wait, context)
        guard destination.takePermit(for: context.delivery) else {
            meter.exhausted.increment("budget")
            throw wait.error
        }
        let delay = wait.start.duration(to: due)
        meter.retries.increment(wait.reason)
        meter.waited.observe(delay.inSeconds)
        context.trace(
            "retry",
            [
                "sluice.attempt": .int64(Int64(clamping: context.delivery.trace.attempts)),
                "error.type": "\(wait.reason)", "sluice.delay_seconds": .double(delay.inSeconds),
            ])
        noteFailure(context, wait)
        live.policy.onRetry?(Retry.Event(attempt: wait.attempt, delay: delay, error: wait.error), context)
        try await finish(wait, context)
    }

    /// Waits for what is left.
    /// - Throws: ``HandedBackError`` when that is long; the attempt's error when there is to be no other, by a policy that
    ///   was changed meanwhile.
    private func finish(_ wait: RetryWait, _ context: HandlerContext) async throws {
        destination.books.beginWaiting()
        defer { destination.books.endWaiting() }
        let paused = try await context.wait(following: wait.bells, booking: .backoff) {
            let due = try due(wait, context)
            if context.canHandBack, let longest = live.policy.handBackAfter, time.now.duration(to: due) > longest {
                throw HandedBackError(wait: wait)
            }
            return due
        }
        // What the destination asked for is no fault of the message's, and neither is what a pause of the route adds.
        context.delivery.trace.postponeFailure(
            by: wait.isThrottled ? time.now.nanoseconds(since: wait.start) : paused.wholeNanoseconds)
    }

    private func due(_ wait: RetryWait, _ context: HandlerContext) throws -> MonotonicTime {
        switch wait.verdict(context.delivery.trace.noteFailure(at: wait.start)) {
        case .due(let due): return due
        case .exhausted:
            meter.exhausted.increment(wait.reason)
            context.delivery.trace.isExhausted = true
            throw live.policy.exhaustion == .poison ? ExhaustedError(wait.error) : wait.error
        case .tooLong(let due):
            meter.exhausted.increment(wait.reason)
            if wait.isThrottled {
                context.delivery.trace.postponeFailure(by: due.nanoseconds(since: wait.start))
            }
            throw wait.error
        }
    }

    /// One line when an outage begins: an attempt that fails now and then is not worth one.
    private func noteFailure(_ context: HandlerContext, _ wait: RetryWait) {
        guard wait.attempt >= 3, !failing.exchange(true, ordering: .relaxed) else { return }
        logger.warning(
            "attempts fail; messages wait and are tried again",
            metadata: ["attempts": "\(wait.attempt)", "error": "\(wait.error)", "reason": "\(wait.reason)"])
    }

    func noteSuccess() {
        guard failing.load(ordering: .relaxed), failing.exchange(false, ordering: .relaxed) else { return }
        logger.notice("attempts succeed again")
    }
}
