import Synchronization

/// What an attempt needs beside an open gate: a permit of the throttle, and one of the slots for attempts at once. Both
/// belong to the delivery until the attempt has ended.
extension Destination {
    /// Waits until the attempt that follows may be made, and takes what it needs for that.
    /// - Throws: as ``pass(_:)``.
    func admit(_ context: HandlerContext) async throws {
        // A ``Timeout`` has asked, so that to wait is no part of its time.
        let isAdmitted = context.delivery.trace.isAdmitted
        if !isAdmitted { precedence.claim(context.delivery, context.route.standing) }
        defer { precedence.release(context.delivery) }
        if !isOpen { try await pass(context) }
        guard !isAdmitted, limited.load(ordering: .relaxed) else { return }
        let start = clock.now
        try await giveWay(context)
        if let waited = try await throttle.wait(context.message, context, permits(context.route)) {
            noteWait(waited, for: .throttle)
        }
        try await occupy(context)
        // What another was answered meanwhile may have shut the gate.
        while !isOpen(to: context) {
            leave(context.delivery, .unknown)
            try await pass(context)
            try await occupy(context)
        }
        // To wait for its turn is no fault of the message's.
        context.delivery.trace.postponeFailure(by: clock.now.nanoseconds(since: start))
    }

    /// An attempt has ended, or will not be made.
    func leave(_ delivery: Delivery, _ result: ConcurrencyBook.Result) {
        guard let admission = delivery.trace.takeAdmission() else { return }
        slots.leave(result, admission)
    }

    /// What a route shows of the permits that it waits for here.
    func permits(_ route: RouteScope) -> ThrottleMeter {
        let meter = route.meterOfPermits
        meter.follow(throttle)
        return meter
    }

    private func isOpen(to context: HandlerContext) -> Bool {
        gate.opening(at: clock.now) == nil && (breaker.isPassable || context.delivery.trace.isProbe)
    }

    private func occupy(_ context: HandlerContext) async throws {
        let start = clock.now
        if let ticket = slots.enter(context.route.standing) {
            books.beginWaiting()
            defer { books.endWaiting() }
            do {
                try await context.wait(for: nil, until: ticket, booking: .concurrency)
            } catch {
                slots.giveUp(ticket)
                throw error
            }
        }
        let now = clock.now
        let among = slots.underWay
        if among != nil { noteWait(now.nanoseconds(since: start), for: .concurrency) }
        context.delivery.trace.admit(ConcurrencyBook.Admission(time: now, among: among ?? 0))
    }
}
