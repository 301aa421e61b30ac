import Sluice

/// The route that turns events into the metrics of deployments.
enum DeploymentsRoute {
    static let name = "log-to-metrics"

    static func route(from queue: any EventQueue, _ ledger: DeploymentLedger, _ meter: DeploymentMeter) throws -> Route
    {
        Route(
            name, from: try queue.subscriber(for: name), queue.events, ordering: .serial,
            middlewares: [
                CorrelationID(), Metrics(),
                PoisonQueue(to: queue.publisher, queue.poison, filter: .permanent), Retry(),
            ]
        ) { message, _ in
            let event = try Event(message)
            // The ledger knows what was counted, whatever becomes of this delivery.
            guard let entry = try await ledger.record(event, id: message.id) else { return }
            switch event {
            case .commitPushed: break
            case .commitDeployed(let deployment): meter.count(deployment, entry)
            case .deploymentFailed(let deployment): meter.countFailure(deployment)
            }
        }
    }
}
