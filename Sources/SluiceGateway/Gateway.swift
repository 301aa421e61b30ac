public import Logging
public import ServiceLifecycle
import Sluice
import SluiceHTTP
public import SluiceMetrics
import SluiceSQLite
import Synchronization

/// The gateway: its parts, made from a configuration and put together.
///
/// Run ``services`` in one group, in this order: shutdown goes backwards, so that intake stops first, then what is in
/// hand is finished, and the metrics are served to the end. Call ``close()`` afterwards.
public final class Gateway: Sendable {
    public let services: [any Service]
    private let webhooks: HTTPListener
    private let metrics: HTTPListener
    private let queue: any EventQueue
    private let deployments: DeploymentsQueue?
    private let client: HTTPClient
    private let restore: @Sendable () async throws -> Void

    /// Opens the log and makes everything, without listening or connecting yet.
    /// - Throws: an error that names what is wrong: a file, an address, an option.
    public init(_ configuration: GatewayConfiguration, backend: PrometheusBackend, logger: Logger) throws {
        let instruments = backend.instruments
        SluiceVersion.show(instruments)
        let startedAt = Timestamp.now()
        let readiness = ReadinessBoard()
        let unsigned = UnsignedEndpoints(configuration)
        unsigned.announce(instruments, logger)
        for caution in configuration.cautions { logger.warning("\(caution)") }
        readiness.add { $0.notes += unsigned.notes }
        let directory = try DataDirectory(configuration.dataDirectory)
        for warning in directory.warnings { logger.warning("\(warning)") }
        let keeper = LogKeeper(configuration, instruments, logger: logger)
        let log = try keeper.open(directory.log, configuration)
        let queue = try Self.queue(configuration, log, instruments, logger)
        let deployments = try configuration.amqp.map {
            try DeploymentsQueue(
                $0, isPublishedTo: configuration.simulator != nil, instruments, logger: logger)
        }

        let sinkMeters = SinkMeters(configuration.sinkNames, instruments)
        var clientConfiguration = HTTPClient.Configuration()
        let sinkTrouble = SinkTrouble()
        readiness.add(sinkTrouble.report)
        clientConfiguration.observe = { observation in
            sinkMeters.observe(observation)
            sinkTrouble.observe(observation)
        }
        clientConfiguration.proxy = configuration.sinkProxy
        clientConfiguration.additionalCertificates = configuration.sinkCertificates
        clientConfiguration.totalTimeout = configuration.pace.answerTimeout
        let client = try HTTPClient(clientConfiguration)

        var routing = Router.Configuration()
        routing.shutdownTimeout = configuration.shutdownTimeout
        routing.redelivery = configuration.pace.redelivery
        routing.destination = configuration.pace.destination
        let router = Router(configuration: routing, instruments: instruments, logger: logger)

        let webhooks = try HTTPListener(
            configuration: configuration.webhooksListener, observer: .metering(instruments),
            logger: logger.of("webhooks"))
        // Each request waits for a commit that all of them share: the more at once, the fewer commits.
        let intake = try HTTPSubscriber(
            listener: webhooks, endpoints: IntakeRoutes.endpoints(configuration), concurrency: 512)
        try router.add(IntakeRoutes.gitHub(from: intake, to: queue, instruments))
        try router.add(IntakeRoutes.deployments(from: intake, to: queue))
        if let deployments { try router.add(IntakeRoutes.deployments(from: deployments, to: queue)) }

        var readers: [Route] = []
        let sinks = SinkRoutes(queue: queue, pace: configuration.pace)
        if let grafana = configuration.grafana {
            let sink = GrafanaSink.make(grafana, client, hold: configuration.pace.hold)
            readers.append(try sinks.grafana(sink, from: configuration.grafanaStart, startedAt: startedAt))
        }
        if let webhook = configuration.slackWebhookURL {
            let sink = SlackSink.make(webhook, client, hold: configuration.pace.hold)
            readers.append(try sinks.slack(sink, from: configuration.slackStart))
        }
        if readers.isEmpty { readers.append(try sinks.console(ConsoleSink.make())) }
        if let simulator = configuration.simulator {
            readers += try SimulatorRoutes(queue: queue, deployments: deployments).routes(simulator)
        }
        let ledger = try DeploymentLedger(path: directory.deployments, logger: logger)
        let meter = DeploymentMeter(instruments)
        readers.append(try DeploymentsRoute.route(from: queue, ledger, meter, logger: logger))
        for route in readers { try router.add(route) }

        let steering = try Steering(
            configuration.sinks, router, keptBy: Self.steeringStore(configuration, log, logger),
            logger: logger)
        readiness.add(steering.report)
        let commands = ControlCommands(
            steering: steering, router: router, queue: queue, log: log, logger: logger)
        let control = ControlServer(in: configuration.dataDirectory, logger: logger) {
            try await commands.perform($0)
        }
        readiness.add(control.report)

        let backlog = BacklogMeter(queue, routes: readers.map(\.name), instruments, logger: logger)
        let drain = DrainFlag()
        readiness.add { $0.merge(queue.readiness) }
        keeper.watch(routes: readers.map(\.name), keepsEvents: configuration.kafka == nil)
        readiness.add(keeper.report)
        if let deployments { readiness.add(deployments.report) }
        readiness.add(ledger.report)
        readiness.add(drain.report)
        readiness.add { if !webhooks.isListening { $0.reasons.append("webhooks: not listening") } }
        readiness.add { $0.add(router.status, neededForWebhooks: IntakeRoutes.neededForWebhooks) }
        readiness.add { $0.add(router.destinations.map(\.status)) }
        let metrics = try HTTPListener(
            configuration: configuration.metricsListener,
            resources: MetricsResources.make(backend, update: backlog.update) {
                readiness.current
            }, authenticator: configuration.metricsToken.map { .token($0.reveal()) }, logger: logger.of("metrics"))

        self.webhooks = webhooks
        self.metrics = metrics
        self.queue = queue
        self.deployments = deployments
        self.client = client
        restore = { [ledger, meter] in
            for latest in try await ledger.latest(limit: 1_000) { meter.restore(latest) }
        }
        let ledgerKeeper = LedgerKeeper(
            ledger: ledger, retention: configuration.ledgerRetention, isDoubted: { log.clockDoubt != nil },
            logger: logger)
        services = [
            metrics, backlog, keeper, ledgerKeeper, QueueProbe(queue: queue), steering, control,
            PreparedRouter(queue: queue, router: router),
            webhooks, drain,
        ]
    }

    /// Shows what earlier runs knew of deployments. Call it before the services run.
    public func restoreDeployments() async throws {
        try await restore()
    }

    /// The port that webhooks are taken in on, once it listens.
    public var webhooksPort: Int {
        get async throws { try await webhooks.port() }
    }

    /// The port that the metrics are served on, once it listens.
    public var metricsPort: Int {
        get async throws { try await metrics.port() }
    }

    /// Lets go of the log and of the sinks, after the services have ended.
    public func close() async {
        await client.close(within: .zero)
        await deployments?.close()
        await queue.close()
    }

    private static func steeringStore(
        _ configuration: GatewayConfiguration, _ log: SQLiteLog, _ logger: Logger
    ) -> any SteeringStore {
        configuration.kafka.map { KafkaSteering($0, logger: logger) } ?? LogSteering(log, logger: logger)
    }

    private static func queue(
        _ configuration: GatewayConfiguration, _ log: SQLiteLog, _ instruments: Instruments, _ logger: Logger
    ) throws -> any EventQueue {
        guard let kafka = configuration.kafka else {
            return SQLiteQueue(log, groupRetention: configuration.groupRetention, logger: logger)
        }
        return try KafkaQueue(
            kafka, retention: configuration.retention, poisonBytes: configuration.poisonRetention, handled: log,
            groupRetention: configuration.groupRetention, instruments, logger: logger)
    }
}

extension GatewayConfiguration {
    /// What events are delivered to, and by which routes: the console where there is nothing else.
    var sinks: [Steering.Sink] {
        var sinks: [Steering.Sink] = []
        if grafana != nil { sinks.append(.init(name: GrafanaSink.target, route: SinkRoutes.grafana)) }
        if slackWebhookURL != nil { sinks.append(.init(name: SlackSink.target, route: SinkRoutes.slack)) }
        return sinks.isEmpty ? [.init(name: "console", route: SinkRoutes.console)] : sinks
    }

    /// The systems that events are delivered to over HTTP.
    var sinkNames: [String] {
        (grafana == nil ? [] : [GrafanaSink.target]) + (slackWebhookURL == nil ? [] : [SlackSink.target])
    }
}

extension Logger {
    /// Says which of the listeners speaks.
    fileprivate func of(_ listener: String) -> Logger {
        var logger = self
        logger[metadataKey: "listener"] = "\(listener)"
        return logger
    }
}

/// Knows as the first that the gateway shuts down, because it is the last of its services.
private final class DrainFlag: Service {
    private let draining = Atomic<Bool>(false)

    func report(to readiness: inout Readiness) {
        if draining.load(ordering: .relaxed) { readiness.reasons.append("draining") }
    }

    func run() async throws {
        try? await gracefulShutdown()
        draining.store(true, ordering: .relaxed)
    }
}
