import Logging
import Sluice

/// The route that turns events into the metrics of deployments.
enum DeploymentsRoute {
    static let name = "log-to-metrics"

    static func route(
        from queue: any EventQueue, _ ledger: DeploymentLedger, _ meter: DeploymentMeter, logger: Logger
    ) throws -> Route {
        let refill = LedgerRefill(queue: queue, route: name, ledger: ledger, meter: meter, logger: logger)
        // Before the first event of the route, and again when the file was found damaged in between.
        let subscriber = PreparedSubscriber(try queue.subscriber(for: name, from: .beginning), prepare: refill.run)
        return Route(
            name, from: subscriber, queue.events, ordering: .serial,
            middlewares: [
                CorrelationID(), HandlerMetrics(),
                PoisonQueue(to: queue.publisher, queue.poison, filter: .permanent), KnownEvents(), HandledOnLog(),
                Retry(),
            ]
        ) { message, context in
            let event = try Event(message)
            let receipt = EventTime.receipt(context.origin, now: context.route.time.timestamp)
            if ledger.wasReplaced { try await refill.run() }
            // The ledger knows what was counted, whatever becomes of this delivery.
            guard let entry = try await ledger.record(event, id: message.id, receivedAt: receipt) else { return }
            // What is not believed is told by a counter of its own, and stays out of all others.
            guard EventTime.isPlausible(event.occurredOn, at: receipt) else {
                return meter.countImplausible(event, entry)
            }
            switch event {
            case .commitPushed, .incidentOpened, .incidentResolved: break
            case .commitDeployed(let deployment): meter.count(deployment, entry)
            case .deploymentFailed(let deployment): meter.countFailure(deployment)
            }
        }
    }
}
