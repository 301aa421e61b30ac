import Sluice
import SluiceHTTP

extension AlertmanagerSource {
    private static let tokenOption = ConfigurationOption(
        "token", "ALERTMANAGER_TOKEN", .token, isSecret: true, example: .hint(""),
        "The Bearer token that Alertmanager sends (`http_config.authorization.credentials`)")
    private static let labelOption = ConfigurationOption(
        "service_label", "ALERTMANAGER_SERVICE_LABEL", .text, default: usualLabel, example: .hint(usualLabel),
        "The label of alerts that names the service")

    static let options = [tokenOption.variable, labelOption.variable]

    static func read(_ values: inout ConfigurationValues) -> AlertmanagerSource? {
        let label = values.read(labelOption) ?? usualLabel
        guard values.isOfFile || values.isSet(tokenOption) else {
            if label != usualLabel {
                values.warn("\(values.name(labelOption)) is set without \(values.name(tokenOption)): no alerts")
            }
            return nil
        }
        return AlertmanagerSource(token: values.read(tokenOption), serviceLabel: label)
    }

    public func endpoints(named name: String) -> [SourceEndpoint] {
        var endpoint = HTTPEndpoint("/webhooks/\(name)", format: .body(watermill: false))
        endpoint.maxBodyBytes = 4 << 20
        endpoint.authenticator = token.map { .bearer($0.reveal()) }
        return [SourceEndpoint(endpoint: endpoint, secret: Self.tokenOption.variable, handler: handler)]
    }

    @Sendable private func handler(_ instruments: Instruments) -> Handler {
        let leftOut = Dictionary(
            uniqueKeysWithValues: Gap.allCases.map { gap in
                (gap, instruments.counter(.alertsLeftOut, [("reason", gap.rawValue)]))
            })
        return { message, context in
            try incidents(of: message, receivedAt: context.route.time.timestamp) { leftOut[$0]?.increment() }
                .map { Fact.incident($0).message() }
        }
    }
}

extension SourceKind {
    static let alertmanager = SourceKind(
        "alertmanager", title: "Alertmanager", intake: "alerts",
        summary:
            "Alertmanager's webhook (version 4): an alert that fires opens an incident of the service that its label names, and its"
            + " end closes it",
        authentication: "a Bearer token", options: AlertmanagerSource.options, read: AlertmanagerSource.read)
}

extension Metric {
    static let alertsLeftOut = counter(
        "sluice_alerts_left_out_total",
        labels: [Label("reason", "why it is none", values: AlertmanagerSource.Gap.allCases.map(\.rawValue))],
        help:
            "Alerts of Alertmanager's webhooks that are no incident: without the label that names the service, unreadable, or beyond 4,096 of one webhook."
    )
}
