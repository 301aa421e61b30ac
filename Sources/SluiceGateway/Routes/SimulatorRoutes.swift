import Sluice

/// Deploys each pushed commit to staging and later to production, for show.
///
/// The log is the clock: a route reads it in order and waits for each commit's time to come. It waits in a group of its
/// own, so nothing stands behind it; a shutdown ends the wait; after a restart it goes on where it was.
///
/// What it deploys is told as deploy tools tell it where a source hears them, such as over RabbitMQ; else it is on the log
/// at once.
struct SimulatorRoutes {
    static let staging = "simulate-staging"
    static let production = "simulate-production"

    let queue: any EventQueue
    /// Nil puts the events on the log.
    let deployTools: SourceConnection.DeployTools?

    func routes(_ simulator: GatewayConfiguration.Simulator) throws -> [Route] {
        [
            try route(Self.staging, "staging", after: simulator.stagingDelay),
            try route(Self.production, "production", after: simulator.productionDelay),
        ]
    }

    private func route(_ name: String, _ environment: String, after delay: Duration) throws -> Route {
        let tools = deployTools
        return Route(
            name, from: try queue.subscriber(for: name, from: .now), queue.events,
            to: tools?.publisher ?? queue.publisher, tools?.topic ?? queue.events, ordering: .serial,
            middlewares: [
                CorrelationID(), HandlerMetrics(), LogMessages(),
                PoisonQueue(to: queue.publisher, queue.poison, filter: .permanent),
                KnownEvents(), HandledOnLog(), Deduplicator(queue.handled, window: SinkPolicy.standard.deduplication),
                Retry(),
            ]
        ) { message, context in
            guard case .commitPushed(let push) = try Event(message) else { return [] }
            // Counted from when the log took the event: the same after a restart, whatever the commit's own clock says.
            let now = context.route.time.timestamp
            // What a record says of the future would stop the route for as long.
            let due = min(EventTime.receipt(context.origin, now: now), now).advanced(by: delay)
            if due > now { try await context.sleep(for: .milliseconds(due.milliseconds(since: now))) }
            let deployment = Deployment(
                id: push.id, env: environment, occurredOn: due,
                service: push.repository.map { String($0.split(separator: "/").last ?? "") },
                repository: push.repository)
            let event = Event.commitDeployed(deployment).message()
            return [tools?.message(deployment, event.id) ?? event]
        }
    }
}
