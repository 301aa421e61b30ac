import Logging
import ServiceLifecycle
import Sluice

/// What keeps and counts deployments: the ledger, the routes that fill it, and the services that go over it.
struct DeploymentParts {
    let ledger: DeploymentLedger
    /// Those that read events and facts.
    let routes: [Route]
    private let meter: DeploymentMeter
    /// Nil where no other gateway counts the same deployments.
    private let shared: SharedVerdicts?

    init(_ directory: DataDirectory, from queue: any EventQueue, _ instruments: Instruments, logger: Logger) throws {
        ledger = try DeploymentLedger(path: directory.deployments, logger: logger)
        meter = DeploymentMeter(instruments)
        shared = queue.isShared ? SharedVerdicts(queue, meter) : nil
        var routes = [
            try DeploymentsRoute.route(from: queue, ledger, meter, logger: logger),
            try FactsRoute.route(from: queue, ledger, verdicts: shared, logger: logger),
        ]
        if shared != nil { routes.append(try CountingRoute.route(from: queue)) }
        self.routes = routes
    }

    /// Shows in the metrics what earlier runs knew.
    func restore() async throws {
        for latest in try await ledger.latest(limit: 1_000) { meter.restore(latest) }
    }

    /// What forgets old deployments, and what counts how they turned out.
    /// - Parameter isDoubted: whether the clock is not believed.
    func services(
        _ configuration: GatewayConfiguration, _ directory: DataDirectory, _ queue: any EventQueue,
        isDoubted: @escaping @Sendable () -> Bool, logger: Logger
    ) -> [any Service] {
        [
            LedgerKeeper(
                ledger: ledger, retention: configuration.ledgerRetention, isDoubted: isDoubted, logger: logger),
            VerdictCounter(
                ledger: ledger, store: FactStore(path: directory.deployments), meter: meter,
                pace: configuration.pace.verdicts, shared: shared,
                // What a gateway has told that counts them is there longer than the facts.
                span: min(.seconds(200 * 86_400), configuration.factRetention / 2),
                leads: { [isShared = shared != nil] in
                    queue.leads(isShared ? CountingRoute.name : DeploymentsRoute.name)
                }, logger: logger),
        ]
    }
}
