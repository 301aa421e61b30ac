package import Logging

/// A route without a router, a subscriber and workers: takes one delivery at a time through everything else. What
/// SluiceTesting's `RouteProbe` is made of.
package final class ProbedRoute: Sendable {
    /// How the passes of a delivery came to their end.
    package enum Ending: Sendable {
        case settled(DeliveryOutcome)
        /// The route keeps it and would deliver it again after this time.
        case rejected(Duration)
        /// It waits for its next attempt, for this long.
        case handedBack(Duration)
    }

    private let runner: RouteRunner

    /// - Parameters:
    ///   - route: its subscriber is not read.
    ///   - publisher: takes the place of the route's own; nil leaves that.
    package init(
        _ route: Route, publishingTo publisher: (any Publisher)? = nil, middlewares: [any Middleware],
        configuration: Router.Configuration, instruments: Instruments, logger: Logger, time: RouterTime
    ) throws {
        runner = try RouteRunner(
            route.probed(publisher, time), middlewares: middlewares + route.middlewares, configuration: configuration,
            instruments: instruments, logger: logger, time: time)
        runner.register(instruments)
    }

    package var scope: RouteScope { runner.scope }

    /// Calls the chain once, and throws what it throws.
    package func call(_ message: Message, _ context: HandlerContext) async throws -> [Message] {
        runner.processor.setOut()
        defer { runner.processor.rest() }
        return try await runner.processor.chain(message, context)
    }

    /// - Parameters:
    ///   - keeping: whether the route keeps what it rejects.
    ///   - redeliveries: how often a rejected message that is kept goes through the chain again.
    ///   - followsHandBacks: whether one that waits for its next attempt without a worker is waited for.
    package func handle(
        _ delivery: Delivery, keeping: Bool, redeliveries: Int, followsHandBacks: Bool
    ) async -> Ending {
        let processor = runner.processor
        processor.setOut()
        defer { processor.rest() }
        processor.receive([delivery])
        var parcel = processor.parcel(delivery)
        var left = redeliveries
        while true {
            let rejections = parcel.rejections
            guard case .again(let rest) = await processor.process(&parcel, keeping: keeping ? .everything : .nothing)
            else {
                return .settled(delivery.trace.outcome)
            }
            let isRejected = parcel.rejections > rejections
            if isRejected { left -= 1 }
            guard isRejected ? left >= 0 : followsHandBacks, await processor.wait(parcel, for: rest) else {
                let delay = max(.zero, processor.time.now.duration(to: rest.due(delivery)))
                processor.release(parcel)
                return isRejected ? .rejected(delay) : .handedBack(delay)
            }
        }
    }

    deinit { runner.stopped() }
}

extension Route {
    /// The same route with another middleware, inside of its own.
    package func with(innermost middleware: any Middleware) -> Route {
        var route = self
        route.middlewares.append(middleware)
        return route
    }

    fileprivate func probed(_ publisher: (any Publisher)?, _ time: RouterTime) -> Route {
        var route = self
        route.subscriber = ProbedSubscriber(
            name: subscriber.name, defaultOrdering: subscriber.defaultOrdering, time: time)
        if let publisher, case .producing(let handler, let output) = work {
            route.work = .producing(handler, to: Output(publisher, output.topic))
        }
        return route
    }
}

/// Stands for the one that is not read.
private final class ProbedSubscriber: Subscriber {
    let name: String
    let defaultOrdering: Ordering
    let time: RouterTime?

    init(name: String, defaultOrdering: Ordering, time: RouterTime) {
        self.name = name
        self.defaultOrdering = defaultOrdering
        self.time = time
    }

    func subscribe(to topic: Topic) async throws -> Subscription { Subscription() }
    func close() async {}
}
