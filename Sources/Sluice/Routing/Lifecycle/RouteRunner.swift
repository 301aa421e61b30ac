import Logging
import Tracing

/// Runs one route: subscribes, hands the deliveries to workers as its ordering wants, drains.
final class RouteRunner: Sendable {
    let route: Route
    let scope: RouteScope
    let processor: DeliveryProcessor
    private let ordering: Ordering
    private let configuration: Router.Configuration

    init(
        _ route: Route, middlewares: [any Middleware], configuration: Router.Configuration, instruments: Instruments,
        logger: Logger, time: RouterTime, tracer: (any Tracer)? = nil, observer: (any RouteObserver)? = nil
    ) throws {
        try time.require(route.subscriber, "Route.subscriber", route.subscriber.name)
        if let publisher = route.output?.publisher {
            try time.require(publisher, "Route.publisher", publisher.name)
        }
        if let destination = route.destination {
            try time.require(destination, "Route.destination", destination.name)
        }
        let ordering = route.ordering ?? route.subscriber.defaultOrdering
        try ConfigurationCheck.all(of: "Route") { check in
            check.include { () throws(ConfigurationError) in try ordering.validate() }
            check.include { () throws(ConfigurationError) in try configuration.validate() }
            check.include { () throws(ConfigurationError) in try route.joining?.validate() }
            check(
                "ordering", route.joining == nil || ordering.isSerial,
                expected: ".serial, for a route that joins messages")
        }
        self.route = route
        self.ordering = ordering
        self.configuration = configuration
        scope = RouteScope(
            route, ordering: ordering, logger: logger, instruments: instruments.part(), time: time,
            unnamed: configuration.destination, tracer: tracer, observer: observer)
        processor = try DeliveryProcessor(
            route, scope: scope, middlewares: middlewares, redelivery: configuration.redelivery)
        scope.destination.books.add(processor.ledger)
    }

    /// Has its figures read from now on, until it has stopped.
    /// - Parameter instruments: the router's, for a destination that outlives the route.
    func register(_ instruments: Instruments) {
        if scope.destination.isNamed {
            scope.destination.register(with: instruments)
        } else if scope.hasRetry {
            scope.destination.register(with: scope.instruments)
        }
        if scope.destination.configuration.throttle != nil { _ = scope.destination.permits(scope) }
        processor.meter?.register(with: scope.instruments, ledger: processor.ledger)
    }

    /// It has stopped, or never ran: lets go of everything that its figures are read from.
    func stopped() {
        scope.instruments.end()
        scope.destination.books.remove(processor.ledger)
        scope.lifecycle.enter(.stopped)
    }

    func run() async {
        repeat {
            await runUntilDrained()
            // The thread that drains may still be giving back what waited.
            await scope.lifecycle.waitUntilActed()
        } while await scope.lifecycle.goesOn()
        stopped()
        scope.logger.info("route stopped", metadata: topic)
    }

    private var topic: Logger.Metadata { ["topic": "\(route.topic)"] }

    private func runUntilDrained() async {
        var failures = 0
        let diary = FailureDiary()
        // One that breaks as soon as it is made has not ended the trouble.
        var isBroken = false
        var hasStarted = false
        while !scope.lifecycle.isDraining, !Task.isCancelled {
            var start: MonotonicTime?
            do {
                guard let subscription = try await subscribe() else { break }
                start = scope.time.now
                if !isBroken { diary.logEnd("subscribed again", metadata: topic, to: scope.logger) }
                scope.lifecycle.enter(.running)
                if !hasStarted { scope.logger.info("route started", metadata: topic) }
                hasStarted = true
                try await scope.lifecycle.onDrain { [self] in
                    scope.logger.info(
                        "route drains",
                        metadata: topic.merging(["in_flight": "\(processor.ledger.read().inFlight)"]) { $1 })
                    subscription.cancel()
                } during: {
                    try await consume(subscription)
                }
                // The source has ended by itself, or the route drains: either way there is nothing more to come.
                break
            } catch {
                if Task.isCancelled || scope.lifecycle.isDraining { break }
                // One that breaks as soon as it is made is no success: the waits go on growing.
                let lived = start.map { scope.time.now.nanoseconds(since: $0) } ?? 0
                if lived > configuration.resubscription.maximum.wholeNanoseconds {
                    failures = 0
                    _ = diary.ended()
                }
                isBroken = start != nil
                failures += 1
                scope.lifecycle.enter(.connecting("\(error)"))
                diary.log(
                    "subscription failed; trying again", error, at: scope.time.now, level: .error, metadata: topic,
                    to: scope.logger)
                let delay = configuration.resubscription.delay(beforeRetry: failures, by: scope.time)
                try? await scope.lifecycle.sleep(for: delay)
            }
        }
    }

    /// - Returns: nil when the route drains before the subscriber has answered.
    private func subscribe() async throws -> Subscription? {
        try await withThrowingTaskGroup(of: Subscription?.self) { group in
            group.addTask { try await self.route.subscriber.subscribe(to: self.route.topic) }
            group.addTask {
                await self.scope.lifecycle.waitForDrain()
                return nil
            }
            defer { group.cancelAll() }
            if let subscription = try await group.next() ?? nil { return subscription }
            group.cancelAll()
            while let late = try? await group.next() { late?.cancel() }
            return nil
        }
    }

    /// Works until the subscription ends. At a drain the workers have `shutdownTimeout` to finish what they hold.
    private func consume(_ subscription: Subscription) async throws {
        defer { subscription.cancel() }
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await self.work(subscription)
                return true
            }
            group.addTask {
                await self.scope.lifecycle.waitForDrain()
                try? await self.scope.time.sleep(for: self.configuration.shutdownTimeout)
                return false
            }
            if try await group.next() == false, !Task.isCancelled {
                scope.logger.warning("shutdown deadline passed; messages in hand are given back")
            }
            group.cancelAll()
        }
    }

    private func work(_ subscription: Subscription) async throws {
        switch ordering.kind {
        case .serial:
            try await SerialWorker(processor: processor).run(subscription)
        case .perKey(let lanes, let key):
            try await KeyedWorkers(processor: processor, count: lanes, key: key).run(subscription)
        case .unordered(let limit):
            try await UnorderedWorkers(processor: processor, count: limit).run(subscription)
        }
    }
}
