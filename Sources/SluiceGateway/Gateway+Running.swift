import ServiceLifecycle
import Sluice
import SluiceHTTP

extension Gateway {
    /// Runs until graceful shutdown, with everything that belongs before and after it. To be called once.
    /// - Throws: why it cannot go on, such as an address that is taken.
    public func run() async throws {
        do {
            try await restoreDeployments()
            let group = ServiceGroup(
                configuration: ServiceGroupConfiguration(
                    services: services.map { .init(service: $0) }, logger: logger))
            // A group in a group hears of graceful shutdown by itself.
            try await group.run()
        } catch {
            life.end(error)
            await close()
            throw error
        }
        life.end(ClosedError("gateway"))
        await close()
    }

    /// Shows what earlier runs knew of deployments. Call it before the services run.
    public func restoreDeployments() async throws {
        try await restore()
    }

    /// Everything about it at this moment, as `/status.json` answers it.
    public var snapshot: Snapshot { status.snapshot }

    /// The port that webhooks are taken in on, once it listens.
    public var webhooksPort: Int {
        get async throws { try await webhooks.port() }
    }

    /// The port that the metrics are served on, once it listens.
    public var metricsPort: Int {
        get async throws { try await metrics.port() }
    }

    /// Returns once webhooks are taken in: the port is open, its routes read it, and the queue can be used. Waits for
    /// brokers as long as it takes. The services have to run.
    /// - Throws: what ``run()`` throws, such as that the port of the metrics is taken; `ClosedError` once it has shut down;
    ///   `CancellationError`.
    public func ready() async throws {
        try await life.wait { [readiness] in readiness.current.reasons.isEmpty }
    }

    /// Reads the configuration anew and puts it in force, as a whole or not at all: policies at once, sinks that are new, gone
    /// or otherwise than before without touching the others. What belongs to the process waits for a restart. The log and
    /// `/readyz` tell how it went. The services have to run.
    /// - Throws: why it was refused, such as ``FileFaults``; everything goes on as before.
    public func reload() async throws {
        try await reloader.reload(by: .request)
    }

    /// Lets go of the log, the deployments and the sinks, after the services have ended.
    public func close() async {
        await client.close(within: .zero)
        for connection in connections { await connection.close() }
        await queue.close()
        ledger.close()
    }
}
