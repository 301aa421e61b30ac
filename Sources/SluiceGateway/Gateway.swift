public import Logging
public import ServiceLifecycle
import Sluice
import SluiceHTTP
public import SluiceMetrics
import SluicePrometheus
import SluiceSQLite
import Synchronization
public import Tracing

/// The gateway: its parts, made from a configuration and put together.
///
/// ``run()`` is all that a program needs:
///
/// ```swift
/// let gateway = try Gateway(
///     GatewayConfiguration(environment: ProcessInfo.processInfo.environment),
///     sinks: [.init("file", FileLineSink(path: "events.log"), ordering: .serial)],
///     sources: [.init("forge", Forge(), authenticator: .token("…"))])
/// try await ServiceGroup(
///     services: [gateway], gracefulShutdownSignals: [.sigterm, .sigint], logger: Logger(label: "sluice")
/// ).run()
/// ```
///
/// A program that runs other services too may put ``services`` into its own group, in this order: shutdown goes backwards,
/// so that intake stops first, then what is in hand is finished, and the metrics are served to the end. It calls
/// ``restoreDeployments()`` before and ``close()`` afterwards.
public final class Gateway: Service {
    public let services: [any Service]
    /// What can be changed of each sink while it runs.
    let sinks: RunningSinks
    /// Nil where the configuration asks for none.
    let journal: Journal?
    private let webhooks: HTTPListener
    private let metrics: HTTPListener
    private let queue: any EventQueue
    private let connections: [SourceConnection]
    private let client: HTTPClient
    private let readiness: ReadinessBoard
    private let reloader: Reloader
    private let status: SnapshotMaker
    private let life = GatewayLife()
    private let ledger: DeploymentLedger
    private let restore: @Sendable () async throws -> Void
    private let logger: Logger

    /// Opens the log and makes everything, without listening or connecting yet. Logs the configuration's warnings.
    /// - Parameters:
    ///   - configuration: of everything.
    ///   - sinks: further ones, such as a sink of your own. Without any sink events go to the console.
    ///   - sources: further ones, such as a ``Source`` of your own.
    ///   - reading: reads the configuration anew, for ``reload()`` and when the files change that it was read from; with a
    ///     path another file, for `sluice diff`. Default nil: it stays as it is.
    ///   - backend: where the metrics are. Default: one of its own.
    ///   - tracer: what makes spans. Default: that of the configuration (``GatewayConfiguration/Tracing``), if it asks for
    ///     any.
    ///   - logger: default: the label `sluice`.
    /// - Throws: `ConfigurationError` with all of the configuration's fields that are wrong, such as
    ///   `GatewayConfiguration.httpIdleTimeout`; an error that names a file or an address.
    public init(
        _ configuration: GatewayConfiguration, sinks: [ConfiguredSink] = [], sources: [ConfiguredSource] = [],
        reading: (@Sendable (_ path: String?) throws -> GatewayConfiguration)? = nil,
        backend: PrometheusBackend = PrometheusBackend(), tracer: (any Tracer)? = nil,
        logger: Logger = Logger(label: "sluice")
    ) throws {
        for warning in configuration.warnings { logger.warning("\(warning)") }
        let (ownSinks, ownSources) = (sinks, sources)
        let configuration = configuration.adding(ownSinks, ownSources)
        try configuration.validate()
        let instruments = backend.instruments
        SluiceVersion.show(instruments)
        let startedAt = Timestamp.now()
        let readiness = ReadinessBoard()
        let unsigned = UnsignedEndpoints(configuration)
        unsigned.announce(instruments, logger)
        for caution in configuration.cautions { logger.warning("\(caution)") }
        readiness.add { $0.notes += unsigned.notes }
        let directory = try DataDirectory(
            configuration.dataDirectory, named: configuration.names.name(ProcessOptions.data.variable, in: "process"))
        for warning in directory.warnings { logger.warning("\(warning)") }
        let keeper = LogKeeper(configuration, instruments, logger: logger)
        let log = try keeper.open(directory.log, configuration)
        let queue = try Self.queue(configuration, log, instruments, logger)

        let exporter = tracer == nil ? try TraceExporter.make(configuration, instruments, logger: logger) : nil
        let tracer = tracer ?? exporter?.tracer

        let sinkMeters = SinkMeters(instruments)
        let sinkTrouble = SinkTrouble()
        readiness.add(sinkTrouble.report)
        let client = try Self.client(configuration, tracer) { observation in
            sinkMeters.observe(observation)
            sinkTrouble.observe(observation)
        }

        let journal = Journal.make(
            configuration, directory.journal, instruments, isDoubted: { log.clockDoubt != nil }, logger: logger)
        let note: @Sendable (JournalEvent) -> Void = { journal?.note($0) }
        let past = journal == nil ? nil : PastTroubles(note: note)
        if let journal { readiness.add(journal.report) }
        let router = Router(
            configuration: configuration.routing, instruments: instruments, logger: logger, tracer: tracer,
            observer: journal)

        let webhooks = try ConfigurationError.naming(["HTTPListener.host": "GatewayConfiguration.bindAddress"]) {
            try HTTPListener(
                configuration: configuration.webhooksListener, observer: .metering(instruments),
                tracer: tracer, logger: logger.of("webhooks"))
        }
        let intake = try IntakeRoutes(
            configuration, webhooks, to: queue, instruments, journal: journal, onOpen: life.changed, logger: logger)
        for route in intake.routes { try router.add(route) }

        let store = Self.steeringStore(configuration, log, logger)
        let steering = Steering(router, keptBy: store, note: note, logger: logger)
        let backlog = BacklogMeter(queue, instruments, logger: logger)
        var readers: [Route] = []
        if let simulator = configuration.simulator {
            let tools = intake.connections.lazy.compactMap(\.deployTools).first
            readers += try SimulatorRoutes(queue: queue, deployTools: tools).routes(simulator)
        }
        let ledger = try DeploymentLedger(path: directory.deployments, logger: logger)
        let meter = DeploymentMeter(instruments)
        readers.append(try DeploymentsRoute.route(from: queue, ledger, meter, logger: logger))
        let shared = queue.isShared ? SharedVerdicts(queue, meter) : nil
        readers.append(try FactsRoute.route(from: queue, ledger, verdicts: shared, logger: logger))
        if shared != nil { readers.append(try CountingRoute.route(from: queue)) }
        let tap = TapBoard()
        let (others, keepsEvents) = (readers.map(\.name), configuration.kafka == nil)
        let sinks = RunningSinks(
            SinkRoutes(queue: queue, startedAt: startedAt, tap: tap, journal: journal), router, logger: logger,
            mustWait: steering.mustWait,
            makeParts: { [hold = configuration.pace.hold] in SinkParts(name: $0, hold: hold, client: client) },
            onChange: { sinks in
                sinkMeters.follow(sinks.filter(\.options.isReachedOverHTTP).map(\.name))
                steering.follow(sinks.map { Steering.Sink(name: $0.name, routes: $0.groups) })
                let groups = sinks.flatMap(\.groups) + others
                backlog.follow(groups)
                keeper.watch(routes: groups, keepsEvents: keepsEvents)
            },
            forget: { backend.registry.removeAll(labels: [($0, $1)]) }, note: note)
        try sinks.begin(configuration)
        for route in readers { try router.add(route) }
        self.sinks = sinks
        let reloader = Reloader(
            configuration, read: { path in try reading?(path).adding(ownSinks, ownSources) ?? configuration },
            sinks: sinks, waiting: { try? await queue.backlog(of: $0).total },
            left: { await queue.unread(besides: $0) }, instruments, note: note, logger: logger)
        readiness.add(reloader.report)
        self.reloader = reloader

        readiness.add(steering.report)
        let desk = RedriveDesk(
            Self.redriveStore(queue, log), router, sinks: { sinks.forJobs }, mustWait: steering.mustWait,
            idleTime: configuration.pace.idleLane, forget: { backend.registry.removeAll(labels: [($0, $1)]) },
            instruments,
            logger: logger)
        readiness.add(desk.report)
        let commands = ControlCommands(
            steering: steering, router: router, queue: queue, log: log, reloader: reloader, tap: tap,
            kafka: Self.kafkaGroups(queue, steering, router, store, logger),
            teller: Self.teller(journal, queue, log, directory, sinks, steering),
            redrive: RedriveRequests(desk: desk), logger: logger)
        let control = ControlServer(in: configuration.dataDirectory, logger: logger) {
            try await commands.perform($0)
        }
        readiness.add(control.report)

        let drain = DrainFlag()
        readiness.add { $0.merge(queue.readiness) }
        readiness.add(keeper.report)
        readiness.add(intake.report)
        readiness.add(ledger.report)
        readiness.add(drain.report)
        readiness.add { if !webhooks.isListening { $0.reasons.append("webhooks: not listening") } }
        readiness.add { $0.add(router.status, neededForWebhooks: intake.neededForWebhooks) }
        readiness.add { readiness in
            readiness.add(router.destinations.map(\.status)) { destination in
                // Each group of a sink reads everything, and passes over what is another's.
                sinks.groups(of: destination).compactMap { $0.compactMap(backlog.known).max() }.reduce(nil) {
                    ($0 ?? 0) + $1
                }
            }
        }
        readiness.add(backlog.report)
        let status = SnapshotMaker(
            SnapshotMaker.Parts(
                registry: backend.registry, router: router, sinks: sinks, sources: intake.entries, queue: queue,
                log: configuration.kafka == nil ? directory.log : nil, dataDirectory: configuration.dataDirectory,
                readiness: readiness, reloader: reloader, backlog: backlog, ledger: ledger, past: past,
                jobs: { desk.records }, startedAt: startedAt))
        self.status = status
        let sampler = status.makeSampler()
        let resources =
            MetricsResources.make(backend, update: backlog.update) { readiness.current }
            + StatusResources.make(HostCheck(hosts: configuration.statusHosts)) { await status.fresh() }
        let metrics = try ConfigurationError.naming(["HTTPListener.host": "GatewayConfiguration.metricsBindAddress"]) {
            try HTTPListener(
                configuration: configuration.metricsListener, resources: resources,
                authenticator: configuration.metricsToken.map { .token($0.reveal()) }, logger: logger.of("metrics"))
        }

        self.journal = journal
        self.logger = logger.quiet
        self.webhooks = webhooks
        self.metrics = metrics
        self.queue = queue
        connections = intake.connections
        self.readiness = readiness
        self.client = client
        self.ledger = ledger
        restore = { [ledger, meter] in
            // Before the journal is written: what is in it now was before.
            await past?.read(JournalReader(path: directory.journal, isLive: false))
            for latest in try await ledger.latest(limit: 1_000) { meter.restore(latest) }
        }
        let ledgerKeeper = LedgerKeeper(
            ledger: ledger, retention: configuration.ledgerRetention, isDoubted: { log.clockDoubt != nil },
            logger: logger)
        let verdicts = VerdictCounter(
            ledger: ledger, store: FactStore(path: directory.deployments), meter: meter,
            pace: configuration.pace.verdicts, shared: shared,
            // What a gateway has told that counts them is there longer than the facts.
            span: min(.seconds(200 * 86_400), configuration.factRetention / 2),
            leads: { queue.leads(shared == nil ? DeploymentsRoute.name : CountingRoute.name) }, logger: logger)
        let watch = reading == nil ? nil : ConfigurationWatch(of: configuration, for: reloader)
        let parts: [any Service] =
            // The journal and the exporter outlive the routes, whose last attempts and spans they take.
            [metrics] + [journal].compactMap(\.self) + [exporter].compactMap(\.self) + [
                backlog, sampler, keeper, ledgerKeeper, verdicts, QueueProbe(queue: queue, onOutcome: life.changed),
                steering, desk, commands, control, PreparedRouter(queue: queue, router: router), reloader,
            ] + [watch].compactMap(\.self) + [intake.door, drain]
        services = parts.map { [life] in WatchedService(service: $0, life: life) }
    }

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

extension Logger {
    /// Says which of the listeners speaks.
    fileprivate func of(_ listener: String) -> Logger {
        var logger = self
        logger[metadataKey: "listener"] = "\(listener)"
        return logger
    }

    /// The lifecycle's own steps are noise at info.
    fileprivate var quiet: Logger {
        var logger = self
        logger.logLevel = max(.warning, logger.logLevel)
        return logger
    }
}
