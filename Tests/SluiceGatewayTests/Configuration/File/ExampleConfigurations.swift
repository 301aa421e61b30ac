import Foundation

/// The files in Examples/configurations.
enum ExampleConfigurations {
    static let directory = Repository.file("Examples/configurations")

    static func names() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory.path).filter { $0.hasSuffix(".yaml") }.sorted()
    }

    static func text(_ name: String) throws -> String {
        try String(contentsOf: directory.appending(path: name), encoding: .utf8)
    }

    /// What the examples and documents ask for.
    static let environment = [
        "GITHUB_WEBHOOK_SECRET": "of-github", "DEPLOYMENTS_TOKEN": "of-deployments", "GRAFANA_TOKEN": "of-grafana",
        "GRAFANA_URL": "https://grafana.example.org", "SLACK_WEBHOOK": "https://hooks.slack.com/services/T/B/x",
        "SLACK_PRODUCTION": "https://hooks.slack.com/services/T/B/y",
        "SLACK_WEB": "https://hooks.slack.com/services/T/B/z", "TEAMS_URL": "https://example.webhook.office.com/x",
        "AUDIT_URL": "https://audit.example.org/events", "KAFKA_BROKERS": "localhost:9092", "KAFKA_TOPIC": "events",
        "KAFKA_GROUP": "sluice", "AMQP_URI": "amqp://user:word@localhost:5672/", "AMQP_QUEUE": "deployments",
        "ALERTMANAGER_TOKEN": "of-alerts", "INCIDENTS_TOKEN": "of-incidents",
        "SLACK_PAGES": "https://hooks.slack.com/services/T/B/w",
    ]

    /// Those that have a default.
    static let optional: Set<String> = ["KAFKA_TOPIC", "KAFKA_GROUP", "AMQP_QUEUE"]

    /// The variables that a file names.
    static func variables(_ text: String) -> Set<String> {
        Set(text.split(separator: "${").dropFirst().map { String($0.prefix { $0.isLetter || $0 == "_" }) })
    }
}
