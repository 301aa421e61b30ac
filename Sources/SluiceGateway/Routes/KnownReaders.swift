/// The readers of the queue that any configuration may have.
enum KnownReaders {
    static let names: Set<String> = [
        SinkRoutes.grafana, SinkRoutes.slack, SinkRoutes.console, DeploymentsRoute.name, SimulatorRoutes.staging,
        SimulatorRoutes.production,
    ]
}
