public import Logging
public import SluiceHTTP

/// Everything that can be set about the gateway.
public struct GatewayConfiguration: Sendable {
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
    /// What takes events in, each under a name of its own. Default: one of each kind, without a secret (see
    /// ``allowsUnsigned``).
    public var sources: [ConfiguredSource] = Registry.sources.compactMap(\.standard)
    /// What events are delivered to, each under a name of its own. Default: none, and events go to the console.
    public var sinks: [ConfiguredSink] = []
    /// Whether an endpoint without secret or token takes requests from everybody, and not only those that are made
    /// directly on this machine. Default false.
    public var allowsUnsigned = false
    /// What one has to show to see the metrics; nil, the default, asks for nothing.
    public var metricsToken: Secret?
    /// How long a connection may be open without a request. Default 75 seconds.
    public var httpIdleTimeout: Duration = .seconds(75)
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
    /// What is allowed but probably not meant, one line each: `Gateway` logs them when it is made.
    public var warnings: [String] = []
    package var pace = GatewayPace()

    public init() {}

    /// Reads the environment, and for what it does not set the text of a `.env` file.
    ///
    /// A variable that is set to nothing counts as not set. No file is read: `sluice` gives it `DotEnv.text(ofFile: ".env")`.
    /// - Throws: ``EnvironmentError`` with all that is wrong.
    public init(environment: [String: String], dotEnv: String? = nil) throws(EnvironmentError) {
        let names = Set(Self.variables.map { Substring($0.name) })
        let file = DotEnv.contents(of: dotEnv ?? "") { names.contains($0) }
        // An empty variable in the environment does not hide the file's.
        let set = environment.filter { !$0.value.isEmpty }
        var values = ConfigurationValues(file.values.merging(set) { _, environment in environment })
        values.problems = file.problems

        for setting in Self.processSettings + Self.retentionSettings { setting.read(&values, &self) }
        kafka = KafkaOptions.read(&values)
        sources = Registry.sources.compactMap { $0.read(&values) }
        sinks = Registry.sinks.compactMap { $0.read(&values) }
        for setting in Self.sinkSettings + Self.logSettings { setting.read(&values, &self) }
        sinkProxy = .environment(values.all)
        simulator = Simulator.read(&values)
        if !bindAddress.isLoopback, !allowsUnsigned {
            for variable in sources.flatMap(\.options.unsigned) where !values.isSet(variable) {
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
