import Logging

extension Destination {
    /// Waits while the breaker gives the destination a rest.
    /// - Returns: whether it had to.
    func waitForBreaker(_ context: HandlerContext) async throws -> Bool {
        guard !context.delivery.trace.isProbe else { return false }
        let visitor = Breaker.Visitor(
            message: context.message.id, route: ObjectIdentifier(context.route.lifecycle),
            standing: context.route.standing)
        guard let (pass, mustWait) = breaker.enter(visitor) else { return false }
        guard mustWait else {
            context.delivery.trace.isProbe = true
            return false
        }
        // From then on the delivery has the probe, and gives it back if it does not set out.
        var isItsTurn = false
        do {
            try await context.wait(for: nil, until: pass.ticket, booking: .breaker) {
                isItsTurn = true
                context.delivery.trace.isProbe = pass.isProbe
            }
        } catch {
            if !isItsTurn, !pass.ticket.leave(), pass.isProbe { breaker.forgo() }
            throw error
        }
        return true
    }

    /// The delivery's attempt will not be made.
    func returnProbe(of delivery: Delivery) {
        if delivery.trace.takeProbe() { breaker.forgo() }
    }

    /// An attempt has succeeded while the breaker holds others back.
    func noteProbe(_ context: HandlerContext) {
        guard context.delivery.trace.takeProbe() else { return }
        tell(breaker.probeSucceeded(successes), "", context)
    }

    /// An attempt has failed. Every answer but a failure says that the destination works.
    func noteForBreaker(_ result: AttemptResult, _ reason: String, _ context: HandlerContext, isFirst: Bool) {
        guard result == .failure else { return noteProbe(context) }
        let failure = Breaker.Failure(
            message: context.message.id, isFirst: isFirst, isProbe: context.delivery.trace.takeProbe())
        tell(breaker.failed(failure, successes), reason, context)
    }

    private var successes: BreakerBook.Successes { books.successes }

    private func tell(_ news: Breaker.News?, _ reason: String, _ context: HandlerContext) {
        var metadata = metadata
        switch news {
        case nil: break
        case .closed:
            context.logger.notice("the breaker is closed: the destination works again", metadata: metadata)
            tellObserver(.breakerClosed)
        case .opened(let cause, let until):
            metadata["because"] = "\(cause.rawValue)"
            metadata["reason"] = "\(reason)"
            let rest = clock.now.duration(to: until)
            metadata["next_attempt_in_seconds"] = "\(rest.inSeconds)"
            tellObserver(cause == .failedProbe ? .probeFailed : .breakerOpened, reason, for: rest)
            // One line when an outage begins, and one when it ends.
            context.logger.log(
                level: cause == .failedProbe ? .debug : .warning,
                "the breaker is open: the destination fails and is given a rest; its messages wait", metadata: metadata)
        }
    }
}
