import Logging

/// Takes one delivery through the route's chain and settles it. Knows nothing of workers and orderings.
final class DeliveryProcessor: Sendable {
    /// What a worker does next with a delivery.
    enum Verdict {
        case settled
        /// The route keeps it: process it again after this.
        case again(Rest)
        /// It stood for several, which cannot be handled as one: process each alone.
        case split([Delivery])
    }

    /// Which deliveries the route keeps, to process them again itself. The others go back to their source.
    enum Keeping {
        case nothing
        /// Those whose wait follows from a policy, so that a change reaches it. A rejected one goes back: it has no order.
        case waits
        case everything

        /// - Parameter redelivery: of the route's subscription.
        init(_ redelivery: Subscription.Redelivery) {
            self = redelivery == .route ? .everything : .nothing
        }
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
    let scope: RouteScope
    let chain: Handler
    let time: RouterTime
    let redelivery: Backoff

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
        self.chain = scope.tracer?.tracingDeliveries(chain) ?? chain
    }

    /// Takes a batch of deliveries onto the books.
    func receive(_ batch: [Delivery]) {
        ledger.receive(batch.count)
    }

    /// - Parameter start: now, where the worker has just read the clock.
    func parcel(_ delivery: Delivery, start: MonotonicTime? = nil) -> Parcel {
        if delivery.isRedelivery {
            ledger.noteRedeliveries(scope.joins ? delivery.run?.deliveries.count(where: \.isRedelivery) ?? 1 : 1)
        }
        return Parcel(delivery: delivery, start: start ?? (meter == nil ? delivery.arrival : time.now))
    }

    /// A worker takes up what waited in its lane: until now it was queued.
    func begin(_ parcel: inout Parcel) {
        if meter != nil, parcel.passes == 0 { parcel.start = time.now }
    }

    /// One pass through the chain, by a worker that is under way. What is rare, to wait and to fail, has functions of its
    /// own, so that the common way is small enough to be a part of each worker.
    /// - Parameter keeping: what the worker can keep and process again.
    @inline(__always)
    func process(_ parcel: inout Parcel, keeping: Keeping) async -> Verdict {
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
    private func pass(_ delivery: Delivery, _ keeping: Keeping, _ handedBack: RetryWait?) async throws {
        _ = try await chain(
            delivery.message,
            HandlerContext(route: scope, delivery: delivery, keeping, handedBack: handedBack))
    }

    /// Begins a pass, where nothing has to be waited for.
    private func begin(_ parcel: inout Parcel, keeping: Keeping) -> Bool {
        guard parcel.delivery.isOurs, parcel.delivery.origin.progress == nil || parcel.isRestored,
            !mustBePermitted(parcel, keeping), !scope.lifecycle.isPaused
        else { return false }
        if parcel.isWaiting { endWaiting(&parcel) }
        beginPass(&parcel)
        return true
    }

    func beginPass(_ parcel: inout Parcel) {
        if parcel.passes > 0 { parcel.delivery.trace.beginPass() }
        parcel.passes += 1
    }

    /// One that its source delivers again, as after a rejection: where the route keeps them it has asked before.
    func mustBePermitted(_ parcel: Parcel, _ keeping: Keeping) -> Bool {
        parcel.passes == 0 && parcel.delivery.origin.attempt > 1 && keeping != .everything
    }

    /// What is handled as one, in order.
    func joined(_ batch: [Delivery]) -> [Delivery] {
        guard let joining = scope.joining else { return batch }
        return joining.runs(of: batch).compactMap { run in
            DeliveryRun.delivery(of: run) { [self] delivery, outcome in
                var parcel = Parcel(delivery: delivery, start: time.now)
                conclude(&parcel, outcome)
            }
        }
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
}

extension Delivery {
    fileprivate var isRedelivery: Bool { origin.attempt > 1 || origin.redelivered }
}
