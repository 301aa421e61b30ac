import Logging
import Synchronization

/// The way of an attempt: it passes the gate, is made, and is put on the books.
///
/// What keeps an attempt from being made belongs into ``pass(_:)``, and learns how attempts end in
/// ``succeeded(_:isFirst:at:)`` and ``failed(_:_:isFirst:)``: these three are called around every attempt of every route, and
/// nothing else is.
extension Destination {
    /// Waits until nothing forbids an attempt. What other messages were told, and a hold, use up none of this one's time.
    /// - Throws: ``RevokedError`` when the message is not ours any more, `CancellationError` when the task is cancelled or
    ///   the route drains.
    func pass(_ context: HandlerContext) async throws {
        guard !isOpen else { return }
        let start = clock.now
        books.beginWaiting()
        defer { books.endWaiting() }
        repeat {
            while let opening = gate.opening(at: clock.now) {
                try await context.wait(for: clock.now.duration(to: opening), booking: .backoff)
            }
            // What another was answered meanwhile may have shut the gate.
        } while try await waitForBreaker(context)
        context.delivery.trace.postponeFailure(by: clock.now.nanoseconds(since: start))
    }

    /// An attempt has succeeded.
    /// - Parameter isFirst: whether it was the message's first.
    func succeeded(_ context: HandlerContext, isFirst: Bool, at time: MonotonicTime) {
        if isFirst {
            context.delivery.trace.noteFirstSuccess(at: time)
        } else {
            books.noteLaterSuccess(at: clock.now)
            if let budget {
                let paid = context.delivery.trace.takePermit() ? budget.policy.cost.failed : 0
                budget.settle(paid + budget.policy.ratio, firsts: firsts)
            }
        }
        if let breaker, !breaker.isPassable { noteProbe(context) }
        guard gate.isHeld, gate.release() else { return }
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
        guard !isFirst, let budget else { return }
        let cost = budget.policy.cost
        let paid = context.delivery.trace.takePermit() ? cost.failed : 0
        switch result {
        case .failure: budget.settle(paid - cost.failed, firsts: firsts)
        case .throttled: budget.settle(paid - cost.throttled, firsts: firsts)
        case .held, .refused, .success: budget.settle(paid, firsts: firsts)
        }
    }

    /// Does what an error asks for: shuts the gate until the time that the destination named, or holds it.
    /// - Returns: how long nothing is sent from now on; nil when the error asks for nothing of the kind.
    @discardableResult
    func heed(_ error: any Error, _ context: HandlerContext) -> Duration? {
        switch Disposition(of: error).kind {
        case .hold(let reason, let duration):
            countHold(Disposition.reason(of: error))
            return hold(reason, for: max(duration, Self.shortestHold), context)
        case .retry(let after?), .throttled(let after?):
            // A duplicate waits for its twin alone; what the destination says concerns every message.
            return error is InProgressError ? nil : shut(for: after, because: Disposition.reason(of: error), context)
        case .retry, .throttled, .poison, .discard:
            return nil
        }
    }

    /// A destination that refuses everything is not asked in a hot loop, whatever its error says.
    private static var shortestHold: Duration { .milliseconds(100) }

    private func shut(for named: Duration, because reason: String, _ context: HandlerContext) -> Duration {
        let time = clock
        let now = time.now
        let policy = configuration.retryAfter
        let cut = policy.cut(named)
        let delay = policy.jitter > 0 ? cut + cut * time.random(in: 0...policy.jitter) : cut
        if gate.shut(until: now.advanced(by: delay), at: now, because: reason) {
            var metadata = metadata
            metadata["reason"] = "\(reason)"
            metadata["next_attempt_in_seconds"] = "\(delay.inSeconds)"
            context.logger.info("destination asks to wait; nothing is sent to it until then", metadata: metadata)
        }
        return delay
    }

    private func hold(_ reason: String, for duration: Duration, _ context: HandlerContext) -> Duration {
        let isNews = gate.hold(until: clock.now.advanced(by: duration), because: reason)
        guard isNews else { return duration }
        var metadata = metadata
        metadata["reason"] = "\(reason)"
        metadata["next_attempt_in_seconds"] = "\(duration.inSeconds)"
        context.logger.error(
            "destination refuses every message; it is held and nothing is lost", metadata: metadata)
        return duration
    }

    var metadata: Logger.Metadata { ["destination": "\(name)"] }

    var firsts: @Sendable () -> Int64 {
        { [weak self] in self?.books.firsts ?? 0 }
    }
}
