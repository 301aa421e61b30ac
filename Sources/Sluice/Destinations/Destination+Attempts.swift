import Logging
import Synchronization

/// The way of an attempt: it passes the gate, is made, and is put on the books.
///
/// What keeps an attempt from being made belongs into ``pass(_:)``, or into ``admit(_:)`` where the attempt has to give
/// something back at its end, and learns how attempts end in ``succeeded(_:isFirst:at:)`` and ``failed(_:_:isFirst:)``: these
/// are called around every attempt of every route, and nothing else is.
extension Destination {
    /// Waits until nothing forbids an attempt. What other messages were told, and a hold, use up none of this one's time.
    /// - Throws: ``RevokedError`` when the message is not ours any more, `CancellationError` when the task is cancelled or
    ///   the route drains.
    func pass(_ context: HandlerContext) async throws {
        guard !isOpen else { return }
        let start = clock.now
        books.beginWaiting()
        defer { books.endWaiting() }
        precedence.claim(context.delivery, context.route.standing)
        do {
            repeat {
                while gate.opening(at: clock.now) != nil {
                    try await context.wait(following: [live.changes], booking: .backoff) {
                        gate.opening(at: clock.now) ?? .longAgo
                    }
                }
                // What another was answered meanwhile may have shut the gate.
                if gate.noteOpening() { tellObserver(.opened) }
            } while try await waitForBreaker(context)
            try await giveWay(context)
        } catch {
            precedence.release(context.delivery)
            throw error
        }
        // With limits it has yet to wait for its turn.
        if !limited.load(ordering: .relaxed) { precedence.release(context.delivery) }
        context.delivery.trace.postponeFailure(by: clock.now.nanoseconds(since: start))
    }

    /// An attempt has succeeded.
    /// - Parameter isFirst: whether it was the message's first.
    func succeeded(_ context: HandlerContext, isFirst: Bool, at time: MonotonicTime) {
        leave(context.delivery, .answered)
        if isFirst {
            context.delivery.trace.noteFirstSuccess(at: time)
        } else {
            books.noteLaterSuccess(at: clock.now)
            let paid = context.delivery.trace.takePermit()
            if let policy = budget.policy {
                budget.settle((paid ? policy.cost.failed : 0) + policy.ratio, firsts: firsts)
            }
        }
        if !breaker.isPassable { noteProbe(context) }
        guard gate.isHeld, gate.release() else { return }
        tellObserver(.released)
        context.logger.notice("destination takes messages again", metadata: metadata)
    }

    /// An attempt has failed, and was not interrupted.
    func failed(_ error: any Error, _ context: HandlerContext, isFirst: Bool) {
        let isTimeout = context.timed?.isExpired == true
        let result = AttemptResult(Disposition(of: error))
        let reason = isTimeout ? "timeout" : Disposition.reason(of: error)
        books.note(
            result, isFirst: isFirst, .init(time: clock.now, reason: reason, description: "\(error)"))
        noteForBreaker(result, reason, context, isFirst: isFirst)
        if result == .throttled { throttle.noteThrottledAnswer() }
        // Before its slot is the next one's. An answer that goes back to the source tells its sender to wait, not the others.
        if context.route.hasRetry || context.isKept || isNamed {
            let named = heed(error, context)
            context.delivery.trace.noteHeeded(named?.draw ?? 0, at: clock.now)
        }
        leave(context.delivery, result == .refused ? .answered : result == .held ? .unknown : .failed)
        guard !isFirst else { return }
        let hasPaid = context.delivery.trace.takePermit()
        guard let cost = budget.policy?.cost else { return }
        let paid = hasPaid ? cost.failed : 0
        switch result {
        case .failure: budget.settle(paid - cost.failed, firsts: firsts)
        case .throttled: budget.settle(paid - cost.throttled, firsts: firsts)
        case .held, .refused, .success: budget.settle(paid, firsts: firsts)
        }
    }

    /// Does what an error asks for: shuts the gate until the time that the destination named, or holds it.
    /// - Returns: the time that it named; nil when it named none.
    @discardableResult
    func heed(_ error: any Error, _ context: HandlerContext) -> NamedTime? {
        if let (time, draw) = context.delivery.trace.takeHeeded() {
            return Self.named(error).map { NamedTime(start: time, duration: max($0, .zero), draw: draw) }
        }
        switch Disposition(of: error).kind {
        case .hold(let reason, let duration):
            countHold(Disposition.reason(of: error))
            hold(reason, for: max(duration, Self.shortestHold), context)
            return nil
        case .retry, .throttled:
            return Self.named(error).map { shut(for: $0, because: Disposition.reason(of: error), context) }
        case .poison, .discard:
            return nil
        }
    }

    private static func named(_ error: any Error) -> Duration? {
        switch Disposition(of: error).kind {
        // A duplicate waits for its twin alone; what the destination says concerns every message.
        case .retry(let after), .throttled(let after): error is InProgressError ? nil : after
        case .hold, .poison, .discard: nil
        }
    }

    /// A destination that refuses everything is not asked in a hot loop, whatever its error says.
    private static var shortestHold: Duration { .milliseconds(100) }

    private func shut(for duration: Duration, because reason: String, _ context: HandlerContext) -> NamedTime {
        let time = clock
        let named = NamedTime(start: time.now, duration: max(duration, .zero), draw: time.random(in: 0...1))
        let policy = configuration.retryAfter
        if gate.shut(named, policy, because: reason) {
            var metadata = metadata
            let rest = named.start.duration(to: named.end(policy))
            metadata["reason"] = "\(reason)"
            metadata["next_attempt_in_seconds"] = "\(rest.inSeconds)"
            tellObserver(.shut, reason, for: rest)
            context.logger.info("destination asks to wait; nothing is sent to it until then", metadata: metadata)
        }
        return named
    }

    private func hold(_ reason: String, for duration: Duration, _ context: HandlerContext) {
        let isNews = gate.hold(until: clock.now.advanced(by: duration), because: reason)
        guard isNews else { return }
        tellObserver(.held, reason, for: duration)
        var metadata = metadata
        metadata["reason"] = "\(reason)"
        metadata["next_attempt_in_seconds"] = "\(duration.inSeconds)"
        context.logger.error(
            "destination refuses every message; it is held and nothing is lost", metadata: metadata)
    }

    var metadata: Logger.Metadata { ["destination": "\(name)"] }

    var firsts: @Sendable () -> Int64 {
        { [weak self] in self?.books.firsts ?? 0 }
    }
}
