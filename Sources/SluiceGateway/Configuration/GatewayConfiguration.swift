public import Logging
import Sluice
public import SluiceHTTP

/// Everything that can be set about the gateway.
///
/// ```swift
/// var configuration = try GatewayConfiguration(environment: ProcessInfo.processInfo.environment)
/// configuration.sinks.append(.init("team-channel", SlackSink(webhook: Secret(address))))
/// let gateway = try Gateway(configuration)
/// ```
public struct GatewayConfiguration: Sendable {
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
    /// How long the queue keeps facts, from which reports of deployments are made. Default 400 days.
    public var factRetention: Duration = .seconds(400 * 86_400)
    /// How long a group of the embedded log that nothing reads keeps what it has not settled. Default 30 days.
    public var groupRetention: Duration = .seconds(30 * 86_400)
    /// How long pushes and deployments are remembered. Default 400 days.
    public var ledgerRetention: Duration = .seconds(400 * 86_400)
    /// How long the journal keeps each attempt; 0 is no journal. Default 7 days.
    public var journalRetention: Duration = .seconds(7 * 86_400)
    /// How many bytes the journal may take up. Default 256 MiB.
    public var journalBytes: Int64 = 256 << 20
    /// Kafka as the queue; nil, the default, takes the embedded log.
    public var kafka: Kafka?
    /// What takes events in, each under a name of its own. Default: one of each kind, without a secret (see
    /// ``allowsUnsigned``).
    public var sources: [ConfiguredSource] = Registry.sources.compactMap(\.standard)
    /// What events are delivered to, each under a name of its own. Default: none, and events go to the console.
    public var sinks: [ConfiguredSink] = []
    /// Whether an endpoint without secret or token takes requests from everyone, and not only those that are made
    /// directly on this machine. Default false.
    public var allowsUnsigned = false
    /// What one has to show to see the metrics; nil, the default, asks for nothing.
    public var metricsToken: Secret?
    /// Names that the status page may be reached by, beside addresses, `localhost` and this machine's name. Default none.
    public var statusHosts: [String] = []
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
    /// How outside systems are treated, by the names that sinks have for them.
    var destinations: [String: DestinationPolicy] = [:]
    /// What sinks and destinations go by that say nothing else.
    var policies = PolicyDefaults()
    /// How it was written.
    var written = WrittenConfiguration()
    /// What is allowed but probably not meant, one line each: `Gateway` logs them when it is made.
    public var warnings: [String] = []
    /// Where spans go. Default: nowhere, and none are made.
    public var tracing = Tracing()
    package var pace = GatewayPace() {
        didSet {
            policies.sink.retry.backoff = pace.retry
            policies.destination.policies = pace.destination
        }
    }

    public init() {}
}

/// The options of the process, each beside the property that keeps its value.
extension GatewayConfiguration {
    /// All of them.
    static let settings =
        processSettings + retentionSettings + journalSettings + sinkSettings + logSettings + tracingSettings

    /// Those of the process itself, which the environment sets beside a file too.
    static let ofProcess = processSettings + sinkSettings + logSettings + tracingSettings

    static let processSettings: [ConfigurationSetting] = [
        .init("bindAddress", ProcessOptions.bindAddress, \.bindAddress),
        .init("metricsBindAddress", ProcessOptions.metricsBindAddress, \.metricsBindAddress),
        .init("dataDirectory", ProcessOptions.data, \.dataDirectory),
        .init("allowsUnsigned", ProcessOptions.allowUnsigned, \.allowsUnsigned),
        .init("metricsToken", ProcessOptions.metricsToken, \.metricsToken),
        .init("statusHosts", ProcessOptions.statusHosts, \.statusHosts),
        .init(
            "httpIdleTimeout",
            ConfigurationOption(
                "http_idle_timeout", "HTTP_IDLE_TIMEOUT", .seconds(1...3_600), default: "75", example: .hint("75"),
                "How long connections may be idle: longer than a load balancer keeps them, such as 620 for Google's"),
            \.httpIdleTimeout),
    ]

    static let retentionSettings: [ConfigurationSetting] = [
        .init("retention", ProcessOptions.retention, \.retention),
        .init(
            "poisonRetention",
            ConfigurationOption(
                "poison_retention", "POISON_RETENTION_BYTES", .bytes(1_000_000...1 << 50), default: "1GiB",
                example: .hint("1GiB"),
                """
                How much of what cannot be delivered is kept unread, such as `500MB`, by the embedded log and by Kafka's \
                topic when Sluice creates it; then the oldest goes
                """),
            \.poisonRetention),
        .init(
            "factRetention",
            ConfigurationOption(
                "fact_retention", "FACT_RETENTION", .days(0.01...36_500), default: "400", example: .hint("400"),
                """
                How long facts are kept (pushes, deployments, incidents), from which reports of deployments are made: by the \
                embedded log, and by Kafka's topic when Sluice creates it
                """),
            \.factRetention),
        .init(
            "groupRetention",
            ConfigurationOption(
                "group_retention", "GROUP_RETENTION", .days(0.01...36_500), default: "30", example: .hint("30"),
                "How long a group of the embedded log that nothing reads keeps its events, however old they are"),
            \.groupRetention),
        .init(
            "ledgerRetention",
            ConfigurationOption(
                "ledger_retention", "LEDGER_RETENTION", .days(1...36_500), default: "400", example: .hint("400"),
                "How long pushes, deployments and incidents are remembered for figures and reports"),
            \.ledgerRetention),
    ]

    static let sinkSettings: [ConfigurationSetting] = [
        .init(
            "sinkCertificates",
            ConfigurationOption(
                "sink_certificates", "SINKS_TLS_CA", .certificates, example: .hint(""),
                "A file of certificates in PEM that are trusted for sinks and proxies, beside the system's"),
            \.sinkCertificates)
    ]

    static let logSettings: [ConfigurationSetting] = [
        .init(
            "logLevel",
            ConfigurationOption(
                "log_level", "LOG_LEVEL", .choice(Logger.Level.allCases, named: \.rawValue), default: "info",
                effect: .restart, example: .set("info"), "Below it nothing is logged"),
            \.logLevel),
        .init(
            "logFormat",
            ConfigurationOption(
                "log_format", "LOG_FORMAT", .choice(LogFormat.allCases, named: \.name), default: "text",
                example: .set("text"), "How lines are written: `text` is key=value"),
            \.logFormat),
        .init(
            "shutdownTimeout",
            ConfigurationOption(
                "shutdown_timeout", "SHUTDOWN_TIMEOUT", .seconds(0...3_600), default: "20", example: .set("20"),
                "How long messages in flight may take to finish at shutdown"),
            \.shutdownTimeout),
    ]
}
