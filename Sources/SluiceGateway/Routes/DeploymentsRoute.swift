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
        let subscriber = PreparedSubscriber(
            try queue.subscriber(for: name, from: .beginning, gathering: DeploymentLedger.gathering),
            prepare: refill.run)
        return Route(
            name, from: subscriber, queue.events, ordering: .serial,
            middlewares: [
                CorrelationID(), HandlerMetrics(),
                PoisonQueue(to: queue.publisher, queue.poison, filter: .permanent), KnownEvents(), HandledOnLog(),
                Retry(),
            ], joining: joining
        ) { _, context in
            let now = context.route.time.timestamp
            let records = try context.deliveredMessages.map { message, origin in
                DeploymentLedger.Record(
                    event: try Event(message), id: message.id, receipt: EventTime.receipt(origin, now: now))
            }
            if ledger.wasReplaced { try await refill.run() }
            // The ledger knows what was counted, whatever becomes of these deliveries.
            for (record, entry) in zip(records, try await ledger.record(records)) {
                if let entry { count(record, entry, by: meter) }
            }
        }
    }

    /// Which events are recorded with one commit: all that follow each other, but for those that a middleware looks at one by
    /// one, and those that are traced, each of which has a span of its own.
    private static let joining = Joining(
        by: KeySelector { message in
            guard message.metadata[HandledOnLog.key] == nil, message.metadata[TraceParent.name] == nil,
                let type = message.metadata[Event.typeKey], Event.Kind(rawValue: type) != nil
            else { return nil }
            return []
        }, maximumCount: 256, maximumBytes: 1 << 20)

    private static func count(
        _ record: DeploymentLedger.Record, _ entry: DeploymentLedger.Entry, by meter: DeploymentMeter
    ) {
        // What is not believed is told by a counter of its own, and stays out of all others.
        guard EventTime.isPlausible(record.event.occurredOn, at: record.receipt) else {
            return meter.countImplausible(record.event, entry)
        }
        switch record.event {
        case .commitPushed, .incidentOpened, .incidentResolved: break
        case .commitDeployed(let deployment): meter.count(deployment, entry)
        case .deploymentFailed(let deployment): meter.countFailure(deployment)
        }
    }
}
