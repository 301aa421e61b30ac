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
        /// How often it was rejected and kept.
        var rejections = 0
        /// Whether it counts among those that wait for their next attempt.
        var isWaiting = false
        /// When it left the route: the start of whatever its worker does next.
        var end: MonotonicTime?
    }

    let ledger = FlowLedger()
    let meter: RouteMeter?
    private let scope: RouteScope
    let chain: Handler
    let time: RouterTime
    private let redelivery: Backoff

    init(_ route: Route, scope: RouteScope, middlewares: [any Middleware], redelivery: Backoff) throws {
        self.scope = scope
        time = scope.time
        self.redelivery = redelivery
        meter = scope.instruments.isActive ? RouteMeter(scope) : nil
        var chain = route.work.handler(for: scope, meter: meter)
        // All that is wrong is said at once: the ones behind a faulty one are wrapped too.
        var problems: [ConfigurationError.Problem] = []
        for middleware in middlewares.reversed() {
            do {
                chain = try middleware.wrap(chain, for: scope)
            } catch let error as ConfigurationError {
                problems = error.problems + problems
            }
        }
        if let error = ConfigurationError(problems) { throw error }
        try scope.checkOrder()
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

    /// One pass through the chain, by a worker that is under way. What is rare, to wait and to fail, has functions of its
    /// own, so that the common way is small enough to be a part of each worker.
    /// - Parameter keeping: whether the worker can keep a rejected delivery and process it again.
    @inline(__always)
    func process(_ parcel: inout Parcel, keeping: Bool) async -> Verdict {
        if !begin(&parcel, keeping: keeping) {
            guard await waitToBegin(&parcel, keeping: keeping) else { return .settled }
        }
        do {
            try await pass(parcel.delivery, keeping)
            handled(&parcel)
            return .settled
        } catch {
            return failed(&parcel, error, keeping: keeping)
        }
    }

    /// Apart, so that the delivery is borrowed: otherwise its message would be copied.
    @inline(never)
    private func pass(_ delivery: Delivery, _ keeping: Bool) async throws {
        _ = try await chain(delivery.message, HandlerContext(route: scope, delivery: delivery, isKept: keeping))
    }

    /// Begins a pass, where nothing has to be waited for.
    private func begin(_ parcel: inout Parcel, keeping: Bool) -> Bool {
        guard parcel.delivery.isOurs, !mustBePermitted(parcel, keeping), !scope.lifecycle.isPaused else { return false }
        if parcel.isWaiting { endWaiting(&parcel) }
        beginPass(&parcel)
        return true
    }

    private func beginPass(_ parcel: inout Parcel) {
        if parcel.passes > 0 { parcel.delivery.trace.beginPass() }
        parcel.passes += 1
    }

    /// One that its source delivers again, as after a rejection: where the route keeps them it has asked before.
    private func mustBePermitted(_ parcel: Parcel, _ keeping: Bool) -> Bool {
        !keeping && parcel.passes == 0 && parcel.delivery.origin.attempt > 1
    }

    /// Begins a pass once nothing forbids it.
    /// - Returns: false when the delivery has left the route instead.
    private func waitToBegin(_ parcel: inout Parcel, keeping: Bool) async -> Bool {
        guard parcel.delivery.isOurs else {
            drop(&parcel)
            return false
        }
        if parcel.isWaiting { endWaiting(&parcel) }
        if mustBePermitted(parcel, keeping), await !isPermitted(parcel.delivery) {
            giveBack(&parcel)
            return false
        }
        guard await waitForResume(&parcel) else {
            release(parcel)
            return false
        }
        beginPass(&parcel)
        return true
    }

    private func handled(_ parcel: inout Parcel) {
        parcel.delivery.acknowledge()
        conclude(&parcel, parcel.delivery.trace.outcome)
    }

    // MARK: Workers

    /// A worker goes to work: from now on it is under way, except while it waits.
    func setOut() { scope.lifecycle.setOutUnasked() }

    /// A worker is done, or waits.
    func rest() { scope.lifecycle.rest() }

    var isDraining: Bool { scope.lifecycle.isDraining }

    func onDrain(_ action: @escaping @Sendable () -> Void, during body: () async throws -> Void) async rethrows {
        try await scope.lifecycle.onDrain(action, during: body)
    }

    /// Waits before the next pass of a delivery that the worker keeps, and then in line for its destination's budget.
    /// - Returns: false when the route drains meanwhile, or the delivery is not ours any more.
    func wait(_ parcel: Parcel, for delay: Duration) async -> Bool {
        let start = time.now
        rest()
        defer {
            setOut()
            parcel.delivery.trace.book(time.now.nanoseconds(since: start), to: .backoff)
        }
        do {
            try await parcel.delivery.sleep(for: delay, in: scope.lifecycle)
            return try await scope.destination.waitForPermit(parcel.delivery, in: scope.lifecycle)
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
    func whenDue(_ parcel: Parcel, after delay: Duration, _ resume: @escaping @Sendable () -> Bool) {
        let start = time.now
        // The lane holds the delivery for as long as it waits: a route that has stopped is kept by no timer.
        time.after(delay) { [time, weak delivery = parcel.delivery, weak destination = scope.destination] in
            guard let delivery, let destination else { return }
            destination.whenPermitted(delivery) {
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
                delivery, in: scope.lifecycle, patience: Self.patience)
        } catch {
            return false
        }
    }

    /// Has the source keep a delivery for longer, without an attempt.
    private func giveBack(_ parcel: inout Parcel) {
        guard parcel.delivery.isOurs else { return drop(&parcel) }
        let delay = redelivery.delay(beforeRetry: min(parcel.delivery.origin.attempt, 1_000), by: time)
        parcel.delivery.reject(after: isDraining ? nil : delay)
        conclude(&parcel, .rejected)
    }

    private func endWaiting(_ parcel: inout Parcel) {
        parcel.isWaiting = false
        scope.destination.books.endWaiting()
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
        // It is on its way still: nothing is counted, and nothing was given up.
        if let handedBack = error as? HandedBackError, keeping, !scope.lifecycle.isDraining, parcel.delivery.isOurs {
            return again(&parcel, after: time.now.duration(to: handedBack.due))
        }
        if context.isInterruption(error) {
            release(parcel)
            return .settled
        }
        // Without Retry nothing else has. An answer that goes back to the source tells its sender to wait, not the others.
        if !scope.hasRetry, keeping || scope.destination.isNamed { scope.destination.heed(error, context) }
        let disposition = Disposition(of: error)
        parcel.rejections += 1
        // Retry's attempts count: after its longest wait the next one must not be short again.
        let deliveries = parcel.rejections + min(max(parcel.delivery.origin.attempt, 1), 1_000) - 1
        var delay =
            parcel.delivery.trace.redeliveryDelay
            ?? redelivery.delay(beforeRetry: max(deliveries, parcel.delivery.trace.nextAttempt - 1), by: time)
        switch disposition.kind {
        case .discard(let reason):
            context.logger.notice("message discarded", metadata: ["reason": "\(reason)"])
            parcel.delivery.acknowledge()
            conclude(&parcel, .discarded)
            return .settled
        case .hold(_, let duration): delay = max(delay, duration)
        case .retry(let after), .throttled(let after):
            delay = max(delay, scope.destination.configuration.retryAfter.cut(after ?? .zero))
        case .poison: break
        }
        let keeps = keeping && !scope.lifecycle.isDraining
        context.logger.log(
            level: parcel.delivery.trace.isLogged ? .debug : .warning, "message rejected",
            metadata: [
                "error": "\(error)", "reason": "\(Disposition.reason(of: error))",
                "destination": "\(scope.destination.name)",
                "attempts": "\(parcel.delivery.trace.attempts)", "redelivery_after_seconds": "\(delay.inSeconds)",
            ])
        guard keeps else {
            parcel.delivery.reject(after: delay, because: error)
            conclude(&parcel, .rejected)
            return .settled
        }
        ledger.keep()
        parcel.delivery.noteKept()
        return again(&parcel, after: delay)
    }

    private func again(_ parcel: inout Parcel, after delay: Duration) -> Verdict {
        parcel.isWaiting = true
        scope.destination.returnProbe(of: parcel.delivery)
        scope.destination.books.beginWaiting()
        return .again(after: max(delay, .zero))
    }

    private func conclude(_ parcel: inout Parcel, _ outcome: DeliveryOutcome) {
        if parcel.isWaiting { endWaiting(&parcel) }
        if parcel.delivery.trace.isProbe { scope.destination.returnProbe(of: parcel.delivery) }
        if parcel.delivery.trace.hasPermit { scope.destination.returnPermit(of: parcel.delivery) }
        ledger.leave(parcel.delivery, as: outcome)
        guard let meter else { return }
        let end = time.now
        meter.settled(parcel, outcome, at: end)
        parcel.end = end
    }
}
