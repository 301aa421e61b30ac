/// Permits: what an attempt needs that is not its message's first. Each belongs to the delivery until the attempt is made.
extension Destination {
    /// Takes a permit for the delivery, unless it has one.
    /// - Returns: false when the budget has none for it now.
    func takePermit(for delivery: Delivery) -> Bool {
        if delivery.trace.hasPermit { return true }
        guard budget.take(firsts: books.firsts) else { return false }
        delivery.trace.hasPermit = true
        return true
    }

    /// Calls `resume` when the delivery has a permit, at once or in its turn.
    /// - Parameters:
    ///   - standing: of its route: it waits before those that stand behind it.
    ///   - resume: returns false when the delivery does not wait any more, for the permit to go to the next.
    func whenPermitted(_ delivery: Delivery, _ standing: Standing = .ordinary, _ resume: @escaping @Sendable () -> Bool)
    {
        guard !delivery.trace.hasPermit else {
            _ = resume()
            return
        }
        let start = clock.now
        budget.join(standing, firsts: firsts) { [clock] in
            // To wait in line is no fault of the message's.
            delivery.trace.postponeFailure(by: clock.now.nanoseconds(since: start))
            delivery.trace.hasPermit = true
            if resume() { return true }
            delivery.trace.hasPermit = false
            return false
        }
    }

    /// Waits in line for a permit.
    /// - Parameters:
    ///   - standing: of its route: it waits before those that stand behind it.
    ///   - patience: how long at most; nil is as long as it takes.
    /// - Returns: false when it took longer.
    /// - Throws: ``RevokedError``, `CancellationError`: as ``Delivery/sleep(for:in:)``.
    func waitForPermit(
        _ delivery: Delivery, _ standing: Standing = .ordinary, in lifecycle: RouteLifecycle, patience: Duration? = nil
    ) async throws -> Bool {
        guard !delivery.trace.hasPermit else { return true }
        let ticket = Ticket()
        whenPermitted(delivery, standing) { ticket.grant() }
        do {
            try await delivery.sleep(for: patience, until: ticket, in: lifecycle)
            return !ticket.leave()
        } catch {
            _ = ticket.leave()
            throw error
        }
    }

    /// The delivery's attempt will not be made.
    func returnPermit(of delivery: Delivery) {
        guard delivery.trace.takePermit(), let policy = budget.policy else { return }
        budget.settle(policy.cost.failed, firsts: firsts)
    }
}
