import Logging

/// Takes one delivery through the route's chain and settles it. Knows nothing of workers and orderings.
final class DeliveryProcessor: Sendable {
    /// What a worker does next with a delivery.
    enum Verdict {
        case settled
        /// The route keeps it: process it again after this.
        case again(Rest)
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
        /// What it waits for, or has waited for since its last pass.
        var rest: Rest?
        /// Whether it goes on from where its source says.
        var isRestored = false
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
        if !begin(&parcel, keeping: keeping), let verdict = await waitToBegin(&parcel, keeping: keeping) {
            return verdict
        }
        do {
            try await pass(parcel.delivery, keeping, parcel.rest?.wait)
            handled(&parcel)
            return .settled
        } catch {
            return failed(&parcel, error, keeping: keeping)
        }
    }

    /// Apart, so that the delivery is borrowed: otherwise its message would be copied.
    @inline(never)
    private func pass(_ delivery: Delivery, _ keeping: Bool, _ handedBack: RetryWait?) async throws {
        _ = try await chain(
            delivery.message,
            HandlerContext(route: scope, delivery: delivery, isKept: keeping, handedBack: handedBack))
    }

    /// Begins a pass, where nothing has to be waited for.
    private func begin(_ parcel: inout Parcel, keeping: Bool) -> Bool {
        guard parcel.delivery.isOurs, parcel.delivery.origin.progress == nil || parcel.isRestored,
            !mustBePermitted(parcel, keeping), !scope.lifecycle.isPaused
        else { return false }
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
    /// - Returns: what becomes of the delivery instead; nil when the pass has begun.
    private func waitToBegin(_ parcel: inout Parcel, keeping: Bool) async -> Verdict? {
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
        if mustBePermitted(parcel, keeping), await !isPermitted(parcel.delivery) {
            giveBack(&parcel)
            return .settled
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
    private func restore(_ parcel: inout Parcel, _ progress: Delivery.Progress, keeping: Bool) -> Verdict? {
        let (now, wall) = (time.now, time.timestamp)
        parcel.isRestored = true
        parcel.delivery.trace.restore(progress, at: now, wall)
        let remaining = progress.remaining(at: wall)
        guard remaining > .zero else { return nil }
        guard !keeping else { return rest(&parcel, .until(now.advanced(by: remaining))) }
        guard parcel.delivery.keepsProgress else { return nil }
        parcel.delivery.reject(Rejection(delay: remaining), progress)
        conclude(&parcel, .handedBack)
        return .settled
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
    func whenDue(_ parcel: Parcel, after rest: Rest, _ resume: @escaping @Sendable () -> Bool) {
        let start = time.now
        RestTimer.start(parcel.delivery, rest, by: time) { [time, weak destination = scope.destination] delivery in
            destination?.whenPermitted(delivery) {
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
        parcel.delivery.reject(Rejection(delay: isDraining ? nil : delay), parcel.delivery.origin.progress)
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
        let hasBegun = parcel.delivery.trace.attempts > 0
        parcel.delivery.reject(
            Rejection(), hasBegun ? progress(of: parcel.delivery, parcel.rest) : parcel.delivery.origin.progress)
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
        if let handedBack = error as? HandedBackError, !scope.lifecycle.isDraining, parcel.delivery.isOurs {
            if keeping { return again(&parcel, .retry(handedBack.wait)) }
            if parcel.delivery.keepsProgress { return handBack(&parcel, .retry(handedBack.wait)) }
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
        let now = time.now
        var named: NamedTime?
        switch disposition.kind {
        case .discard(let reason):
            context.logger.notice("message discarded", metadata: ["reason": "\(reason)"])
            parcel.delivery.acknowledge()
            conclude(&parcel, .discarded)
            return .settled
        case .hold(_, let duration): delay = max(delay, duration)
        case .retry(let after?), .throttled(let after?):
            named = NamedTime(start: now, duration: max(after, .zero), draw: 0)
        case .retry, .throttled, .poison: break
        }
        let live = scope.destination.live
        let rest =
            named.map { Rest.named($0, live, notBefore: now.advanced(by: delay)) } ?? .until(now.advanced(by: delay))
        delay = now.duration(to: rest.due(parcel.delivery))
        let keeps = keeping && !scope.lifecycle.isDraining
        context.logger.log(
            level: parcel.delivery.trace.isLogged ? .debug : .warning, "message rejected",
            metadata: [
                "error": "\(error)", "reason": "\(Disposition.reason(of: error))",
                "destination": "\(scope.destination.name)",
                "attempts": "\(parcel.delivery.trace.attempts)", "redelivery_after_seconds": "\(delay.inSeconds)",
            ])
        guard keeps else {
            parcel.delivery.reject(Rejection(delay: delay, error: error), progress(of: parcel.delivery, rest))
            conclude(&parcel, .rejected)
            return .settled
        }
        ledger.keep()
        return again(&parcel, rest)
    }

    /// The route keeps it and processes it again.
    private func again(_ parcel: inout Parcel, _ rest: Rest) -> Verdict {
        parcel.delivery.noteKept(progress(of: parcel.delivery, rest))
        return self.rest(&parcel, rest)
    }

    private func rest(_ parcel: inout Parcel, _ rest: Rest) -> Verdict {
        parcel.isWaiting = true
        parcel.rest = rest
        scope.destination.returnProbe(of: parcel.delivery)
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

    /// - Parameter rest: what it waits for; nil is nothing.
    private func progress(of delivery: Delivery, _ rest: Rest?) -> Delivery.Progress {
        let now = time.now
        return delivery.trace.progress(due: rest?.due(delivery) ?? now, at: now, time.timestamp)
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
