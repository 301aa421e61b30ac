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
    let webhooks: HTTPListener
    let metrics: HTTPListener
    let queue: any EventQueue
    let connections: [SourceConnection]
    let client: HTTPClient
    let readiness: ReadinessBoard
    let reloader: Reloader
    let status: SnapshotMaker
    let life = GatewayLife()
    let ledger: DeploymentLedger
    let restore: @Sendable () async throws -> Void
    let logger: Logger

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
        let deployments = try DeploymentParts(directory, from: queue, instruments, logger: logger)
        let ledger = deployments.ledger
        readers += deployments.routes
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
        restore = {
            // Before the journal is written: what is in it now was before.
            await past?.read(JournalReader(path: directory.journal, isLive: false))
            try await deployments.restore()
        }
        let watch = reading == nil ? nil : ConfigurationWatch(of: configuration, for: reloader)
        let parts: [any Service] =
            // The journal and the exporter outlive the routes, whose last attempts and spans they take.
            [metrics] + [journal].compactMap(\.self) + [exporter].compactMap(\.self) + [
                backlog, sampler, keeper, QueueProbe(queue: queue, onOutcome: life.changed),
            ]
            + deployments.services(
                configuration, directory, queue, isDoubted: { log.clockDoubt != nil }, logger: logger) + [
                steering, desk, commands, control, PreparedRouter(queue: queue, router: router), reloader,
            ] + [watch].compactMap(\.self) + [intake.door, drain]
        services = parts.map { [life] in WatchedService(service: $0, life: life) }
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
