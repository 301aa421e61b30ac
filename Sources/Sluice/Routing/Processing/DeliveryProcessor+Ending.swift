import Logging
import Tracing

/// How a pass through the chain ends that has not succeeded, and how a delivery leaves its route.
extension DeliveryProcessor {
    /// Has the source keep a delivery for longer, without an attempt.
    func giveBack(_ parcel: inout Parcel) {
        guard parcel.delivery.isOurs else { return drop(&parcel) }
        let delay = redelivery.delay(beforeRetry: min(parcel.delivery.origin.attempt, 1_000), by: time)
        parcel.delivery.reject(Rejection(delay: isDraining ? nil : delay), parcel.delivery.origin.progress)
        conclude(&parcel, .rejected)
    }

    func endWaiting(_ parcel: inout Parcel) {
        parcel.isWaiting = false
        scope.destination.books.endWaiting()
    }

    /// Gives a delivery back that the route will not process any more; drops one that is not ours any more.
    func release(_ parcel: Parcel) {
        var parcel = parcel
        begin(&parcel)
        // At a drain everything goes back; the source knows what was its own to give.
        guard isDraining || parcel.delivery.isOurs else { return drop(&parcel) }
        parcel.delivery.reject(Rejection(), progress(of: parcel))
        conclude(&parcel, .rejected)
    }

    /// Gives a delivery back that waits behind another of its key, for the source to keep.
    func shelve(_ parcel: Parcel, key: [UInt8]) {
        var parcel = parcel
        begin(&parcel)
        guard parcel.delivery.isOurs else { return drop(&parcel) }
        parcel.delivery.shelve(key)
        conclude(&parcel, .handedBack)
    }

    /// Lets go of a delivery whose message may be another reader's by now: neither side hears of it.
    func drop(_ parcel: inout Parcel) {
        parcel.delivery.forgo()
        conclude(&parcel, .revoked)
    }

    func failed(_ parcel: inout Parcel, _ error: any Error, keeping: Keeping) -> Verdict {
        let context = HandlerContext(route: scope, delivery: parcel.delivery)
        // It is on its way still: nothing is counted, and nothing was given up.
        if let handedBack = error as? HandedBackError, !scope.lifecycle.isDraining, parcel.delivery.isOurs {
            if keeping != .nothing { return again(&parcel, .retry(handedBack.wait), keeping) }
            if parcel.delivery.keepsProgress { return handBack(&parcel, .retry(handedBack.wait)) }
        }
        if context.isInterruption(error) {
            // The route drains meanwhile: what was to wait is not due at once after a restart.
            if let handedBack = error as? HandedBackError { parcel.rest = .retry(handedBack.wait) }
            release(parcel)
            return .settled
        }
        if scope.joins, let run = parcel.delivery.run, error is JoinedError || Disposition(of: error).isPermanent {
            return split(&parcel, run)
        }
        // Without Retry nothing else has. An answer that goes back to the source tells its sender to wait, not the others.
        if !scope.hasRetry, keeping == .everything || scope.destination.isNamed {
            scope.destination.heed(error, context)
        }
        let disposition = Disposition(of: error)
        parcel.rejections += 1
        // Retry's attempts count: after its longest wait the next one must not be short again.
        let deliveries = parcel.rejections + min(max(parcel.delivery.origin.attempt, 1), 1_000) - 1
        let delay =
            parcel.delivery.trace.redeliveryDelay
            ?? redelivery.delay(beforeRetry: max(deliveries, parcel.delivery.trace.nextAttempt - 1), by: time)
        let now = time.now
        let twin = error as? InProgressError
        var named: NamedTime?
        var hold = Duration.zero
        switch disposition.kind {
        case .discard(let reason):
            context.logger.notice("message discarded", metadata: ["reason": "\(reason)"])
            parcel.delivery.acknowledge()
            conclude(&parcel, .discarded)
            return .settled
        case .hold(_, let duration): hold = duration
        case .retry(let after?), .throttled(let after?):
            guard twin == nil else { break }
            named = NamedTime(start: now, duration: max(after, .zero), draw: 0)
        case .retry, .throttled, .poison: break
        }
        let wait = RejectionWait(
            start: now, delay: delay, live: parcel.delivery.trace.liveRedeliveryDelay, hold: hold, named: named,
            twin: twin, destination: scope.destination.live)
        let rest = Rest.rejected(wait)
        let remaining = now.duration(to: wait.due)
        let keeps = !scope.lifecycle.isDraining && (keeping == .everything || keeping == .waits && isShaped(wait))
        context.logger.log(
            level: parcel.delivery.trace.isLogged ? .debug : .warning, "message rejected",
            metadata: [
                "error": "\(error)", "reason": "\(Disposition.reason(of: error))",
                "destination": "\(scope.destination.name)",
                "attempts": "\(parcel.delivery.trace.attempts)", "redelivery_after_seconds": "\(remaining.inSeconds)",
            ])
        guard keeps else {
            parcel.delivery.reject(Rejection(delay: remaining, error: error), progress(of: parcel.delivery, rest))
            conclude(&parcel, .rejected)
            return .settled
        }
        ledger.keep(count(parcel))
        context.trace(
            "redelivery",
            ["error.type": "\(Disposition.reason(of: error))", "sluice.delay_seconds": .double(remaining.inSeconds)])
        return again(&parcel, rest, keeping)
    }

    /// Whether a policy that can be changed has shaped the wait: a destination without a name is the route's alone.
    private func isShaped(_ wait: RejectionWait) -> Bool {
        wait.live != nil || wait.twin != nil || wait.named != nil && scope.destination.isNamed
    }

    /// The route keeps it and processes it again.
    private func again(_ parcel: inout Parcel, _ rest: Rest, _ keeping: Keeping) -> Verdict {
        if keeping == .everything { parcel.delivery.noteKept(progress(of: parcel.delivery, rest)) }
        return self.rest(&parcel, rest)
    }

    /// Tells the source of one that rests in a route without an order.
    func noteResting(_ parcel: Parcel) {
        parcel.delivery.noteResting(progress(of: parcel))
    }

    func rest(_ parcel: inout Parcel, _ rest: Rest) -> Verdict {
        parcel.isWaiting = true
        parcel.rest = rest
        scope.destination.returnProbe(of: parcel.delivery)
        scope.destination.precedence.release(parcel.delivery)
        scope.destination.books.beginWaiting()
        return .again(rest)
    }

    /// Its source keeps it until its next attempt is due.
    private func handBack(_ parcel: inout Parcel, _ rest: Rest) -> Verdict {
        let progress = progress(of: parcel.delivery, rest)
        parcel.delivery.reject(Rejection(delay: progress.wait), progress)
        conclude(&parcel, .handedBack)
        return .settled
    }

    /// How far it has come, with what it waits for.
    private func progress(of parcel: Parcel) -> Delivery.Progress? {
        let hasBegun = parcel.delivery.trace.attempts > 0
        return hasBegun ? progress(of: parcel.delivery, parcel.rest) : parcel.delivery.origin.progress
    }

    /// - Parameter rest: what it waits for; nil is nothing.
    private func progress(of delivery: Delivery, _ rest: Rest?) -> Delivery.Progress {
        let now = time.now
        return delivery.trace.progress(due: rest?.due(delivery) ?? now, at: now, time.timestamp)
    }

    func conclude(_ parcel: inout Parcel, _ outcome: DeliveryOutcome) {
        if parcel.isWaiting { endWaiting(&parcel) }
        if parcel.delivery.trace.isProbe { scope.destination.returnProbe(of: parcel.delivery) }
        if parcel.delivery.trace.hasPermit { scope.destination.returnPermit(of: parcel.delivery) }
        scope.destination.precedence.release(parcel.delivery)
        let count = count(parcel)
        ledger.leave(parcel.delivery, as: outcome, count: count)
        if scope.tracer != nil { parcel.delivery.trace.span?.end(outcome, attempts: parcel.delivery.trace.attempts) }
        guard meter != nil || scope.observed != nil else { return }
        let end = time.now
        if let meter { for _ in 0..<count { meter.settled(parcel, outcome, at: end) } }
        scope.observed?.left(parcel.delivery, outcome, at: end)
        parcel.end = end
    }

    /// For how many deliveries it stands.
    private func count(_ parcel: Parcel) -> Int { scope.joins ? parcel.delivery.run?.count ?? 1 : 1 }

    /// None of those that it stands for was at fault yet: each begins with its first attempt, and with what Retry knows.
    private func split(_ parcel: inout Parcel, _ run: DeliveryRun) -> Verdict {
        let delivery = parcel.delivery
        if delivery.trace.isProbe { scope.destination.returnProbe(of: delivery) }
        if delivery.trace.hasPermit { scope.destination.returnPermit(of: delivery) }
        if scope.tracer != nil { delivery.trace.span?.end(.rejected, attempts: delivery.trace.attempts) }
        let (now, wall) = (time.now, time.timestamp)
        let known = delivery.trace.progress(due: now, at: now, wall)
        let progress = Delivery.Progress(
            attempts: 0, failedAttempts: known.failedAttempts, throttledAnswers: known.throttledAnswers,
            firstFailure: known.firstFailure, due: known.due, wait: .zero)
        let deliveries = run.disband()
        for delivery in deliveries { delivery.trace.restore(progress, at: now, wall) }
        parcel.end = now
        return .split(deliveries)
    }
}
