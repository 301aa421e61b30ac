import Logging

/// Takes one delivery through the route's chain and settles it. Knows nothing of workers and orderings.
final class DeliveryProcessor: Sendable {
    /// What a worker does next with a delivery.
    enum Verdict {
        case settled
        /// The route keeps it: process it again after this wait.
        case again(after: Duration)
    }

    /// A delivery on its way through the route, over all its passes.
    struct Parcel: Sendable {
        let delivery: Delivery
        var start: MonotonicTime
        /// How often it has been through the chain.
        var passes = 0
        /// When it left the route: the start of whatever its worker does next.
        var end: MonotonicTime?
    }

    let ledger = FlowLedger()
    let meter: RouteMeter?
    private let scope: RouteScope
    private let chain: Handler
    let time: RouterTime
    private let redelivery: Backoff

    init(_ route: Route, scope: RouteScope, middlewares: [any Middleware], redelivery: Backoff) throws {
        self.scope = scope
        time = scope.time
        self.redelivery = redelivery
        meter = scope.instruments.isActive ? RouteMeter(scope) : nil
        var chain = route.work.handler(for: scope, meter: meter)
        for middleware in middlewares.reversed() { chain = try middleware.wrap(chain, for: scope) }
        self.chain = chain
    }

    /// Takes a batch of deliveries onto the books.
    func receive(_ batch: [Delivery]) {
        ledger.receive(batch.count)
    }

    /// - Parameter start: now, where the worker has just read the clock.
    func parcel(_ delivery: Delivery, start: MonotonicTime? = nil) -> Parcel {
        if delivery.origin.attempt > 1 || delivery.origin.redelivered { ledger.noteRedelivery() }
        return Parcel(delivery: delivery, start: start ?? (meter == nil ? delivery.arrival : time.now))
    }

    /// A worker takes up what waited in its lane: until now it was queued.
    func begin(_ parcel: inout Parcel) {
        if meter != nil, parcel.passes == 0 { parcel.start = time.now }
    }

    /// One pass through the chain.
    /// - Parameter keeping: whether the worker can keep a rejected delivery and process it again.
    func process(_ parcel: inout Parcel, keeping: Bool) async -> Verdict {
        let delivery = parcel.delivery
        guard delivery.isOurs else {
            drop(&parcel)
            return .settled
        }
        if !scope.lifecycle.setOut() {
            guard await waitForResume(&parcel) else {
                release(parcel)
                return .settled
            }
        }
        defer { scope.lifecycle.rest() }
        if parcel.passes > 0 { delivery.trace.beginPass() }
        parcel.passes += 1
        do {
            _ = try await chain(delivery.message, HandlerContext(route: scope, delivery: delivery))
            delivery.acknowledge()
            conclude(&parcel, delivery.trace.outcome)
            return .settled
        } catch {
            return failed(&parcel, error, keeping: keeping)
        }
    }

    var isDraining: Bool { scope.lifecycle.isDraining }

    func onDrain(_ action: @escaping @Sendable () -> Void, during body: () async throws -> Void) async rethrows {
        try await scope.lifecycle.onDrain(action, during: body)
    }

    /// Waits before the next pass of a delivery that the worker keeps.
    /// - Returns: false when the route drains meanwhile, or the delivery is not ours any more.
    func wait(_ parcel: Parcel, for delay: Duration) async -> Bool {
        let start = time.now
        defer { parcel.delivery.trace.book(time.now.nanoseconds(since: start), to: .backoff) }
        do {
            try await parcel.delivery.sleep(for: delay, in: scope.lifecycle)
            return true
        } catch {
            return false
        }
    }

    /// Waits while the route is paused.
    /// - Returns: false when the route drains meanwhile, or the delivery is not ours any more.
    private func waitForResume(_ parcel: inout Parcel) async -> Bool {
        let start = time.now
        do {
            try await scope.lifecycle.setOut(parcel.delivery)
        } catch {
            return false
        }
        if parcel.passes > 0 {
            parcel.delivery.trace.book(time.now.nanoseconds(since: start), to: .backoff)
        }
        // Until now it was queued.
        begin(&parcel)
        return true
    }

    /// Gives a delivery back that the route will not process any more; drops one that is not ours any more.
    func release(_ parcel: Parcel) {
        var parcel = parcel
        begin(&parcel)
        // At a drain everything goes back; the source knows what was its own to give.
        guard isDraining || parcel.delivery.isOurs else { return drop(&parcel) }
        parcel.delivery.reject()
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

    /// Lets go of a delivery whose message may be somebody else's by now: neither side hears of it.
    private func drop(_ parcel: inout Parcel) {
        parcel.delivery.forgo()
        conclude(&parcel, .revoked)
    }

    private func failed(_ parcel: inout Parcel, _ error: any Error, keeping: Bool) -> Verdict {
        let context = HandlerContext(route: scope, delivery: parcel.delivery)
        if context.isInterruption(error) {
            release(parcel)
            return .settled
        }
        let disposition = Disposition(of: error)
        var delay = redelivery.delay(
            beforeRetry: parcel.passes + min(max(parcel.delivery.origin.attempt, 1), 1_000) - 1, by: time)
        switch disposition.kind {
        case .discard(let reason):
            context.logger.notice("message discarded", metadata: ["reason": "\(reason)"])
            parcel.delivery.acknowledge()
            conclude(&parcel, .discarded)
            return .settled
        case .hold(_, let duration): delay = max(delay, duration)
        case .retry(let after): delay = max(delay, after ?? .zero)
        case .poison: break
        }
        let keeps = keeping && !scope.lifecycle.isDraining
        context.logger.log(
            level: parcel.delivery.trace.isLogged ? .debug : .warning, "message rejected",
            metadata: [
                "error": "\(error)", "reason": "\(Disposition.reason(of: error))",
                "attempts": "\(parcel.delivery.trace.attempts)", "redelivery_after_seconds": "\(delay.inSeconds)",
            ])
        guard keeps else {
            parcel.delivery.reject(after: delay, because: error)
            conclude(&parcel, .rejected)
            return .settled
        }
        ledger.keep()
        parcel.delivery.noteKept()
        return .again(after: delay)
    }

    private func conclude(_ parcel: inout Parcel, _ outcome: DeliveryOutcome) {
        ledger.leave(parcel.delivery, as: outcome)
        guard let meter else { return }
        let end = time.now
        meter.settled(parcel, outcome, at: end)
        parcel.end = end
    }
}
