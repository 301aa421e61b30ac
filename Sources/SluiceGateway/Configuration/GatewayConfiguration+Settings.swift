import Logging

/// The options of the process, and where their values are kept.
extension GatewayConfiguration {
    static let processSettings: [ConfigurationSetting] = [
        .init(ProcessOptions.bindAddress, \.bindAddress),
        .init(ProcessOptions.metricsBindAddress, \.metricsBindAddress),
        .init(ProcessOptions.data, \.dataDirectory),
        .init(ProcessOptions.allowUnsigned, \.allowsUnsigned),
        .init(ProcessOptions.metricsToken, \.metricsToken),
        .init(
            ConfigurationOption(
                "http_idle_timeout", "HTTP_IDLE_TIMEOUT", .seconds(1...3_600), default: "75", example: .hint("75"),
                "How long connections may be idle: longer than a load balancer keeps them, such as 620 for Google's"),
            \.httpIdleTimeout),
    ]

    static let retentionSettings: [ConfigurationSetting] = [
        .init(
            ConfigurationOption(
                "retention", "EVENT_RETENTION", .days(0.01...36_500), example: .hint("365"),
                """
                How long events are kept: by the embedded log, and by Kafka's topics when Sluice creates them; unset: \
                for ever
                """),
            \.retention),
        .init(
            ConfigurationOption(
                "poison_retention", "POISON_RETENTION_BYTES", .bytes(1_000_000...1 << 50), default: "1GiB",
                example: .hint("1GiB"),
                """
                How much of what cannot be delivered is kept unread, such as `500MB`, by the embedded log and by Kafka's \
                topic when Sluice creates it; then the oldest goes
                """),
            \.poisonRetention),
        .init(
            ConfigurationOption(
                "group_retention", "GROUP_RETENTION", .days(0.01...36_500), default: "30", example: .hint("30"),
                "How long a group of the embedded log that nothing reads keeps its events from `EVENT_RETENTION`"),
            \.groupRetention),
        .init(
            ConfigurationOption(
                "ledger_retention", "LEDGER_RETENTION", .days(1...36_500), default: "400", example: .hint("400"),
                "How long pushes and deployments are remembered"),
            \.ledgerRetention),
    ]

    static let sinkSettings: [ConfigurationSetting] = [
        .init(
            ConfigurationOption(
                "certificates", "SINKS_TLS_CA", .certificates, example: .hint(""),
                "A file of certificates in PEM that are trusted for sinks and proxies, beside the system's"),
            \.sinkCertificates)
    ]

    static let logSettings: [ConfigurationSetting] = [
        .init(
            ConfigurationOption(
                "level", "LOG_LEVEL", .choice(Logger.Level.allCases, named: \.rawValue), default: "info",
                effect: .restart, example: .set("info"), "Below it nothing is logged"),
            \.logLevel),
        .init(
            ConfigurationOption(
                "format", "LOG_FORMAT", .choice(LogFormat.allCases, named: \.name), default: "text",
                example: .set("text"), "How lines are written: `text` is key=value"),
            \.logFormat),
        .init(
            ConfigurationOption(
                "shutdown_timeout", "SHUTDOWN_TIMEOUT", .seconds(0...3_600), default: "20", example: .set("20"),
                "How long messages in flight may take to finish at shutdown"),
            \.shutdownTimeout),
    ]
}

/// Options of the process that are read elsewhere too.
enum ProcessOptions {
    static let bindAddress = ConfigurationOption(
        "bind", "BIND_ADDR", .address, default: "127.0.0.1:8080", example: .set("127.0.0.1:8080"),
        "Where webhooks are taken in; `:8080` means all interfaces, and then needs secrets and tokens")
    static let metricsBindAddress = ConfigurationOption(
        "metrics_bind", "METRICS_BIND_ADDR", .address, default: "127.0.0.1:8081", example: .set("127.0.0.1:8081"),
        "Where `/metrics`, `/healthz` and `/readyz` are served")
    static let data = ConfigurationOption(
        "data", "SLUICE_DATA", .path, default: "./sluice-data", example: .hint("./sluice-data"),
        "The directory of the embedded log, and of what was handled and deployed")
    static let allowUnsigned = ConfigurationOption(
        "allow_unsigned", "SLUICE_ALLOW_UNSIGNED", .boolean, default: "false", example: .hint("true"),
        "Take requests without secret or token from everybody, and listen beyond loopback without them")
    static let metricsToken = ConfigurationOption(
        "metrics_token", "METRICS_TOKEN", .token, isSecret: true, example: .hint(""),
        "What Prometheus has to show, as Bearer or as the password of Basic; `/healthz` and `/readyz` stay open")
}

extension GatewayConfiguration.Simulator {
    private static let isOn = ConfigurationOption(
        "simulate", "SIMULATE_DEPLOYMENTS", .boolean, default: "false", example: .hint("false"),
        "Deploy each pushed commit to staging and later to production, for show")
    private static let staging = ConfigurationOption(
        "staging_delay", "SIMULATE_STAGING_DELAY", .seconds(0...2_592_000), default: "30", example: .hint("30"),
        "From push to the simulated deployment to staging")
    private static let production = ConfigurationOption(
        "production_delay", "SIMULATE_PRODUCTION_DELAY", .seconds(0...2_592_000), default: "90", example: .hint("90"),
        "From push to the simulated deployment to production")

    static let options = [isOn.variable, staging.variable, production.variable]

    /// Nil unless it is on.
    static func read(_ values: inout ConfigurationValues) -> Self? {
        var simulator = Self()
        simulator.stagingDelay = values.read(staging) ?? simulator.stagingDelay
        simulator.productionDelay = values.read(production) ?? simulator.productionDelay
        return values.read(isOn) ?? false ? simulator : nil
    }
}
