/// One variable of the environment: what the README's table and `--help` say of it.
public struct ConfigurationVariable: Sendable, Hashable {
    public let name: String
    /// What an unset or empty variable means; nil when it means that the part is off.
    public let defaultValue: String?
    /// What a number counts, or nil.
    public let unit: String?
    public let meaning: String
    /// Whether its value must never be shown.
    public let isSecret: Bool

    init(_ name: String, _ defaultValue: String?, unit: String? = nil, isSecret: Bool = false, _ meaning: String) {
        self.name = name
        self.defaultValue = defaultValue
        self.unit = unit
        self.isSecret = isSecret
        self.meaning = meaning
    }

    static let bindAddress = ConfigurationVariable(
        "BIND_ADDR", "127.0.0.1:8080", "Where webhooks are taken in; `:8080` means all interfaces")
    static let metricsBindAddress = ConfigurationVariable(
        "METRICS_BIND_ADDR", "127.0.0.1:8081", "Where `/metrics`, `/healthz` and `/readyz` are served")
    static let data = ConfigurationVariable(
        "SLUICE_DATA", "./sluice-data", "The directory of the embedded log, and of what was handled and deployed")
    static let githubSecret = ConfigurationVariable(
        "GITHUB_WEBHOOK_SECRET", nil, isSecret: true, "The secret that GitHub signs its webhooks with")
    static let deploymentsToken = ConfigurationVariable(
        "DEPLOYMENTS_TOKEN", nil, isSecret: true, "The Bearer token that deploy tools send")
    static let allowUnsigned = ConfigurationVariable(
        "SLUICE_ALLOW_UNSIGNED", "false",
        "Take requests without secret or token from everybody, and listen beyond loopback without them")
    static let metricsToken = ConfigurationVariable(
        "METRICS_TOKEN", nil, isSecret: true,
        "What Prometheus has to show, as Bearer or as the password of Basic; `/healthz` and `/readyz` stay open")
    static let httpIdleTimeout = ConfigurationVariable(
        "HTTP_IDLE_TIMEOUT", "75", unit: "seconds",
        "How long connections may be idle: longer than a load balancer keeps them, such as 620 for Google's")
    static let grafanaURL = ConfigurationVariable(
        "GRAFANA_URL", nil, "The address of Grafana, such as `http://localhost:3000`; unset: no annotations")
    static let grafanaCredentials = ConfigurationVariable(
        "GRAFANA_CREDENTIALS", nil, isSecret: true, "`user:password` for Grafana; the password may hold colons")
    static let grafanaToken = ConfigurationVariable(
        "GRAFANA_TOKEN", nil, isSecret: true, "A service account's token for Grafana, instead of credentials")
    static let grafanaStart = ConfigurationVariable(
        "GRAFANA_START", "now",
        "Where Grafana begins when it is new: `now`, `beginning`, or a time such as `2026-01-02T03:04:05Z`")
    static let slackStart = ConfigurationVariable(
        "SLACK_START", "now", "The same for Slack, which takes one message a second")
    static let slackURL = ConfigurationVariable(
        "SLACK_WEBHOOK_URL", nil, isSecret: true, "The address of a Slack incoming webhook; unset: no messages")
    static let sinksTLSCA = ConfigurationVariable(
        "SINKS_TLS_CA", nil,
        "A file of certificates in PEM that are trusted for Grafana, Slack and proxies, beside the system's")
    static let simulate = ConfigurationVariable(
        "SIMULATE_DEPLOYMENTS", "false", "Deploy each pushed commit to staging and later to production, for show")
    static let stagingDelay = ConfigurationVariable(
        "SIMULATE_STAGING_DELAY", "30", unit: "seconds", "From push to the simulated deployment to staging")
    static let productionDelay = ConfigurationVariable(
        "SIMULATE_PRODUCTION_DELAY", "90", unit: "seconds", "From push to the simulated deployment to production")
    static let logLevel = ConfigurationVariable(
        "LOG_LEVEL", "info", "trace, debug, info, notice, warning, error or critical")
    static let logFormat = ConfigurationVariable(
        "LOG_FORMAT", "text", "text (key=value) or json")
    static let shutdownTimeout = ConfigurationVariable(
        "SHUTDOWN_TIMEOUT", "20", unit: "seconds", "How long messages in flight may take to finish at shutdown")
}

extension GatewayConfiguration {
    /// All variables, in the order in which they are shown.
    public static let variables: [ConfigurationVariable] =
        [
            .bindAddress, .metricsBindAddress, .data, .githubSecret, .deploymentsToken, .allowUnsigned, .metricsToken,
            .httpIdleTimeout, .grafanaURL, .grafanaCredentials, .grafanaToken, .grafanaStart, .slackURL, .slackStart,
            .sinksTLSCA, .simulate, .stagingDelay, .productionDelay, .logLevel,
            .logFormat, .shutdownTimeout,
        ] + ConfigurationVariable.brokers

    /// The variables as a table in Markdown, for the README.
    public static var markdownTable: String {
        let rows = variables.map { variable in
            let standard = variable.defaultValue.map { "`\($0)`" } ?? "–"
            return "| `\(variable.name)` | \(standard) | \(variable.unit ?? "") | \(variable.meaning) |\n"
        }
        return "| variable | default | unit | meaning |\n|---|---|---|---|\n" + rows.joined()
    }

    /// The variables as plain text, for `--help`.
    public static var helpText: String {
        let width = variables.map(\.name.count).max() ?? 0
        return variables.map { variable in
            let padding = String(repeating: " ", count: width - variable.name.count)
            let standard = variable.defaultValue.map { " (default: \($0)\(variable.unit.map { " \($0)" } ?? ""))" }
            return "  \(variable.name)\(padding)  \(variable.meaning.filter { $0 != "`" })\(standard ?? "")\n"
        }.joined()
    }
}
