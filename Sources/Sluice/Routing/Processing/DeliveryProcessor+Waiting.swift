/// What a delivery waits for in its route: its time, a permit of its destination, the end of a pause.
extension DeliveryProcessor {
    /// Begins a pass once nothing forbids it.
    /// - Returns: what becomes of the delivery instead; nil when the pass has begun.
    func waitToBegin(_ parcel: inout Parcel, keeping: Keeping) async -> Verdict? {
        guard parcel.delivery.isOurs else {
            drop(&parcel)
            return .settled
        }
        if parcel.isWaiting { endWaiting(&parcel) }
        if let progress = parcel.delivery.origin.progress, !parcel.isRestored,
            let verdict = restore(&parcel, progress, keeping: keeping)
        {
            return verdict
        }
        if mustBePermitted(parcel, keeping), !scope.destination.takePermit(for: parcel.delivery) {
            // In line it needs no worker.
            if keeping == .waits { return rest(&parcel, .until(time.now)) }
            guard await isPermitted(parcel.delivery) else {
                giveBack(&parcel)
                return .settled
            }
        }
        guard await waitForResume(&parcel) else {
            release(parcel)
            return .settled
        }
        beginPass(&parcel)
        return nil
    }

    /// Goes on from where the source says.
    /// - Returns: nil when the next attempt is due.
    private func restore(_ parcel: inout Parcel, _ progress: Delivery.Progress, keeping: Keeping) -> Verdict? {
        let (now, wall) = (time.now, time.timestamp)
        parcel.isRestored = true
        parcel.delivery.trace.restore(progress, at: now, wall)
        let remaining = progress.remaining(at: wall)
        guard remaining > .zero else { return nil }
        guard keeping != .everything else { return rest(&parcel, .until(now.advanced(by: remaining))) }
        guard parcel.delivery.keepsProgress else { return nil }
        parcel.delivery.reject(Rejection(delay: remaining), progress)
        conclude(&parcel, .handedBack)
        return .settled
    }

    /// Waits before the next pass of a delivery that the worker keeps, and then in line for its destination's budget.
    /// - Returns: false when the route drains meanwhile, or the delivery is not ours any more.
    func wait(_ parcel: Parcel, for rest: Rest) async -> Bool {
        let start = time.now
        self.rest()
        defer {
            setOut()
            parcel.delivery.trace.book(time.now.nanoseconds(since: start), to: .backoff)
        }
        do {
            var isOver = false
            while !isOver {
                isOver = try await Ticket.untilChange(of: rest.bells) { ticket in
                    let remaining = time.now.duration(to: rest.due(parcel.delivery))
                    try await parcel.delivery.sleep(for: remaining, until: ticket, in: scope.lifecycle)
                    return !ticket.isGranted
                }
            }
            return try await scope.destination.waitForPermit(
                parcel.delivery, scope.standing, in: scope.lifecycle)
        } catch {
            return false
        }
    }

    /// Waits while the route is paused.
    /// - Returns: false when the route drains meanwhile, or the delivery is not ours any more.
    private func waitForResume(_ parcel: inout Parcel) async -> Bool {
        guard scope.lifecycle.isPaused else { return true }
        let start = time.now
        rest()
        do {
            try await scope.lifecycle.setOut(parcel.delivery)
        } catch {
            setOut()
            return false
        }
        if parcel.passes > 0 {
            parcel.delivery.trace.book(time.now.nanoseconds(since: start), to: .backoff)
        }
        // Until now it was queued.
        begin(&parcel)
        return true
    }

    /// Calls `resume` when the next pass of a delivery is due that no worker keeps meanwhile, and its destination's budget
    /// has an attempt for it.
    /// - Parameter resume: returns false when it does not wait any more.
    func whenDue(_ parcel: Parcel, after rest: Rest, _ resume: @escaping @Sendable () -> Bool) {
        let start = time.now
        RestTimer.start(parcel.delivery, rest, by: time) {
            [time, standing = scope.standing, weak destination = scope.destination] delivery in
            destination?.whenPermitted(delivery, standing) {
                delivery.trace.book(time.now.nanoseconds(since: start), to: .backoff)
                return resume()
            }
        }
    }

    /// How long a delivery that its source has delivered again keeps a worker in line for its destination's budget.
    private static let patience = Duration.seconds(5)

    private func isPermitted(_ delivery: Delivery) async -> Bool {
        rest()
        defer { setOut() }
        do {
            return try await scope.destination.waitForPermit(
                delivery, scope.standing, in: scope.lifecycle, patience: Self.patience)
        } catch {
            return false
        }
    }
}
