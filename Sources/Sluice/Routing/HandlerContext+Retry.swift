import Tracing

extension HandlerContext {
    /// Waits, and then tries again: what a custom middleware calls after a failure.
    ///
    /// ```swift
    /// struct TryThrice: Middleware {
    ///     func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler {
    ///         route.noteRetry()
    ///         @Sendable func attempt(_ message: Message, _ context: HandlerContext) async throws -> [Message] {
    ///             do {
    ///                 return try await next(message, context)
    ///             } catch {
    ///                 guard context.attempt < 3 else {
    ///                     context.noteExhausted(error)
    ///                     throw error
    ///                 }
    ///                 return try await context.retry(after: .seconds(1), because: error) { try await attempt(message, $0) }
    ///             }
    ///         }
    ///         return attempt
    ///     }
    /// }
    /// ```
    ///
    /// It does what ``Retry`` does between two attempts: counts the attempt (`sluice_retries_total`), takes it out of the
    /// destination's budget, books the wait as `backoff`, and keeps a time that the destination named and a hold, for all its
    /// messages.
    /// - Parameters:
    ///   - delay: how long to wait; longer where `error` names a later time. 0 or more.
    ///   - error: what the attempt before failed with.
    ///   - next: the attempt. Its context has the new ``attempt``.
    /// - Throws: `error` itself where another attempt cannot help or may not be made: it poisons or discards the message, it
    ///   is an interruption (``isInterruption(_:)``), or the budget has none. As ``sleep(for:)`` when the wait is ended early;
    ///   what `next` throws.
    public func retry<Result>(
        after delay: Duration, because error: any Error, _ next: (HandlerContext) async throws -> Result
    ) async throws -> Result {
        let disposition = Disposition(of: error)
        guard !disposition.isPermanent, !isInterruption(error) else { throw error }
        let destination = route.destination
        let named = destination.heed(error, self)
        let start = route.time.now
        let twin = error as? InProgressError
        @Sendable func due() -> MonotonicTime {
            let own = start.advanced(by: max(delay, twin?.delay ?? .zero))
            return max(own, named?.end(destination.configuration.retryAfter) ?? own)
        }
        _ = delivery.trace.noteFailure(at: start)
        let reason = Disposition.reason(of: error)
        if case .hold = disposition.kind {
            // Uses up nothing: the destination is at fault, and its gate is shut.
        } else {
            if disposition.isThrottled {
                _ = delivery.trace.countThrottledAnswer()
            } else {
                delivery.trace.countFailedAttempt()
            }
            guard destination.takePermit(for: delivery) else {
                route.meterOfRetries.exhausted.increment("budget")
                throw error
            }
            route.meterOfRetries.retries.increment(reason)
            let wait = start.duration(to: due()).inSeconds
            route.meterOfRetries.waited.observe(wait)
            trace(
                "retry",
                [
                    "sluice.attempt": .int64(Int64(clamping: attempts)), "error.type": "\(reason)",
                    "sluice.delay_seconds": .double(wait),
                ])
        }
        destination.books.beginWaiting()
        do {
            defer { destination.books.endWaiting() }
            let paused = try await wait(
                following: [destination.live.changes] + (twin.map { [$0.live.changes] } ?? []), booking: .backoff,
                until: due)
            delivery.trace.postponeFailure(by: paused.wholeNanoseconds)
        }
        var context = self
        try await destination.pass(context)
        context.attempt = delivery.trace.nextAttempt
        return try await next(context)
    }

    /// Says that the message has used up its attempts, and counts it (`sluice_retries_exhausted_total`): a ``PoisonQueue``
    /// around this middleware moves it, unless its filter says otherwise. Holds for this pass through the chain; call it right
    /// before the last error is thrown.
    /// - Parameter error: the last one, for the label `reason`. Nothing is said of an interruption (``isInterruption(_:)``), which
    ///   is no failure.
    public func noteExhausted(_ error: any Error) {
        guard !isInterruption(error) else { return }
        route.meterOfRetries.exhausted.increment(Disposition.reason(of: error))
        // The next pass through the chain goes on from here.
        delivery.trace.countFailedAttempt()
        delivery.trace.isExhausted = true
    }

    /// Whether the message has used up its attempts in this pass through the chain.
    public var isExhausted: Bool { delivery.trace.isExhausted }
}
