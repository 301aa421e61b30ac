public import Logging
public import SluiceHTTP

/// Everything that can be set about the gateway.
public struct GatewayConfiguration: Sendable {
    /// Where annotations go.
    public struct Grafana: Sendable, Hashable {
        /// Its address without a slash at the end.
        public var url: String
        public var credentials: Credentials

        public enum Credentials: Sendable, Hashable {
            case basic(user: String, password: Secret)
            case token(Secret)
        }

        public init(url: String, credentials: Credentials) {
            self.url = url
            self.credentials = credentials
        }
    }

    /// Simulated deployments.
    public struct Simulator: Sendable, Hashable {
        /// From push to staging. Default 30 seconds.
        public var stagingDelay: Duration = .seconds(30)
        /// From push to production. Default 90 seconds.
        public var productionDelay: Duration = .seconds(90)

        public init() {}
    }

    /// Where webhooks are taken in. Default `127.0.0.1:8080`.
    public var bindAddress = BindAddress(host: "127.0.0.1", port: 8080)
    /// Where the metrics are served. Default `127.0.0.1:8081`.
    public var metricsBindAddress = BindAddress(host: "127.0.0.1", port: 8081)
    /// The directory of the durable log. Default `./sluice-data`.
    public var dataDirectory = "./sluice-data"
    /// How long events are kept; nil, the default, is for ever.
    public var retention: Duration?
    /// How many bytes of what could not be delivered the embedded log keeps; beyond that the oldest is dropped, read
    /// or not. Default 1 GiB.
    public var poisonRetention: Int64 = 1 << 30
    /// How long a group of the embedded log that nothing reads keeps what it has not settled. Default 30 days.
    public var groupRetention: Duration = .seconds(30 * 86_400)
    /// How long pushes and deployments are remembered. Default 400 days.
    public var ledgerRetention: Duration = .seconds(400 * 86_400)
    /// Kafka as the queue; nil, the default, takes the embedded log.
    public var kafka: Kafka?
    /// RabbitMQ as a source of deployments. Default nil.
    public var amqp: AMQP?
    /// What GitHub signs with; nil takes in unsigned webhooks, see ``allowsUnsigned``.
    public var githubSecret: Secret?
    /// What deploy tools authenticate with; nil takes in unsigned messages, see ``allowsUnsigned``.
    public var deploymentsToken: Secret?
    /// Whether an endpoint without secret or token takes requests from everybody, and not only those that are made
    /// directly on this machine. Default false.
    public var allowsUnsigned = false
    /// What one has to show to see the metrics; nil, the default, asks for nothing.
    public var metricsToken: Secret?
    /// How long a connection may be open without a request. Default 75 seconds.
    public var httpIdleTimeout: Duration = .seconds(75)
    /// Nil: no annotations.
    public var grafana: Grafana?
    /// Where Grafana and Slack begin when they were not there before. Default: with what comes from now on.
    public var grafanaStart = ReaderStart.now
    public var slackStart = ReaderStart.now
    /// Nil: no messages.
    public var slackWebhookURL: Secret?
    /// A file of certificates that are trusted for sinks beside the system's. Default nil.
    public var sinkCertificates: String?
    /// The proxy that sinks are reached through. Default none.
    public var sinkProxy: HTTPClient.Proxy = .none
    /// Nil: no simulated deployments.
    public var simulator: Simulator?
    /// Default `.info`.
    public var logLevel: Logger.Level = .info
    /// Default `.text`.
    public var logFormat: LogFormat = .text
    /// How long messages in flight may take to finish at shutdown. Default 20 seconds.
    public var shutdownTimeout: Duration = .seconds(20)
    /// What is allowed but probably not meant, one line each; to be logged once at start.
    public var warnings: [String] = []
    package var pace = GatewayPace()

    public init() {}

    /// Reads the environment, and for what it does not set the text of a `.env` file.
    ///
    /// A variable that is set to nothing counts as not set.
    /// - Throws: ``EnvironmentError`` with all that is wrong.
    public init(environment: [String: String], dotEnv: String? = nil) throws(EnvironmentError) {
        let names = Set(Self.variables.map { Substring($0.name) })
        let file = DotEnv.contents(of: dotEnv ?? "") { names.contains($0) }
        // An empty variable in the environment does not hide the file's.
        let set = environment.filter { !$0.value.isEmpty }
        var values = ConfigurationValues(file.values.merging(set) { _, environment in environment })
        values.problems = file.problems

        bindAddress = values.address(.bindAddress) ?? bindAddress
        metricsBindAddress = values.address(.metricsBindAddress) ?? metricsBindAddress
        dataDirectory = values.path(.data) ?? dataDirectory
        retention = values.days(.retention, 0.01...36_500)
        poisonRetention = values.bytes(.poisonRetention, 1_000_000...1 << 50) ?? poisonRetention
        groupRetention = values.days(.groupRetention, 0.01...36_500) ?? groupRetention
        ledgerRetention = values.days(.ledgerRetention, 1...36_500) ?? ledgerRetention
        kafka = values.kafka()
        amqp = values.amqp()
        githubSecret = values.secret(.githubSecret)
        deploymentsToken = values.token(.deploymentsToken)
        metricsToken = values.token(.metricsToken)
        httpIdleTimeout = values.seconds(.httpIdleTimeout, 1...3_600) ?? httpIdleTimeout
        grafana = values.grafana()
        slackWebhookURL = values.url(.slackURL).map { Secret($0) }
        grafanaStart = values.start(.grafanaStart) ?? grafanaStart
        slackStart = values.start(.slackStart) ?? slackStart
        sinkCertificates = values.certificates(.sinksTLSCA)
        sinkProxy = .environment(values.all)
        logLevel = values.choice(.logLevel, Logger.Level.allCases, named: \.rawValue) ?? logLevel
        logFormat = values.choice(.logFormat, LogFormat.allCases, named: \.name) ?? logFormat
        shutdownTimeout = values.seconds(.shutdownTimeout, 0...3_600) ?? shutdownTimeout

        var simulator = Simulator()
        let month: Double = 30 * 86_400
        simulator.stagingDelay = values.seconds(.stagingDelay, 0...month) ?? simulator.stagingDelay
        simulator.productionDelay = values.seconds(.productionDelay, 0...month) ?? simulator.productionDelay
        if values.boolean(.simulate) ?? false { self.simulator = simulator }

        allowsUnsigned = values.boolean(.allowUnsigned) ?? false
        if !bindAddress.isLoopback, !allowsUnsigned {
            for (variable, value) in [(.githubSecret, githubSecret), (.deploymentsToken, deploymentsToken)]
                as [(ConfigurationVariable, Secret?)]
            where value == nil && !values.isSet(variable) {
                values.problems.append(
                    "\(variable.name): expected a value, because BIND_ADDR listens beyond loopback "
                        + "(or set SLUICE_ALLOW_UNSIGNED=true)")
            }
        }
        if bindAddress.collides(with: metricsBindAddress) {
            values.problems.append("METRICS_BIND_ADDR: expected another address and port than BIND_ADDR")
        }
        guard values.problems.isEmpty else {
            // What was skipped may be why something else is missing.
            throw EnvironmentError(problems: file.skipped.map(\.problem) + values.problems)
        }
        warnings =
            ConfigurationTypos.warnings(environment: environment.keys, file: file.values.keys) + values.warnings
            + values.quoteWarnings + [file.warning].compactMap(\.self)
    }
}

/// The configuration is wrong. The program ends with ``exitStatus``.
public struct EnvironmentError: Error, Hashable, CustomStringConvertible {
    /// EX_CONFIG of sysexits.h.
    public static let exitStatus: Int32 = 78

    /// One line each, with the variable's name and what is expected; never a value.
    public let problems: [String]

    public var description: String { problems.joined(separator: "\n") }
}
