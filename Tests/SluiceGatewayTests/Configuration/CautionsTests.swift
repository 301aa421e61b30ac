import Testing

@testable import SluiceGateway

/// Passwords that leave the machine in the clear.
struct CautionsTests {
    private func cautions(_ environment: [String: String]) throws -> [String] {
        try GatewayConfiguration(environment: environment).cautions
    }

    @Test(arguments: [
        (["AMQP_URI": "amqp://u:hidden@rabbit.example.org/"], "AMQP_URI"),
        (["AMQP_URI": "amqp://u:hidden@10.0.0.1:5672"], "AMQP_URI"),
        (["KAFKA_BROKERS": "k:9092", "KAFKA_USERNAME": "u", "KAFKA_PASSWORD": "hidden"], "KAFKA_SASL_MECHANISM"),
        (
            ["KAFKA_BROKERS": "127.0.0.1:9092,k:9092", "KAFKA_USERNAME": "u", "KAFKA_PASSWORD": "hidden"],
            "KAFKA_SASL_MECHANISM"
        ),
        (
            [
                "KAFKA_BROKERS": "k:9092",
                "KAFKA_PROPERTIES":
                    "security.protocol=sasl_plaintext,sasl.mechanisms=PLAIN,sasl.username=u,sasl.password=hidden",
            ], "KAFKA_SASL_MECHANISM"
        ),
        (["GRAFANA_URL": "http://grafana:3000", "GRAFANA_TOKEN": "hidden"], "GRAFANA_URL"),
        (["SLACK_WEBHOOK_URL": "http://slack.example.org/hidden"], "SLACK_WEBHOOK_URL"),
    ])
    func aPlainPasswordBeyondThisMachineDrawsAWarning(_ environment: [String: String], _ variable: String) throws {
        let cautions = try cautions(environment)
        #expect(cautions.count == 1)
        #expect(cautions.first?.hasPrefix("\(variable): ") == true)
        #expect(!cautions.joined().contains("hidden"))
    }

    @Test func aFileNamesItsKeys() throws {
        let file = try FileForTests(
            """
            sources:
              deploys: {kind: deployments, amqp: {uri: "amqp://u:hidden@rabbit.example.org/"}}
            queue: {kind: kafka, brokers: ["k:9092"], username: u, password: hidden}
            sinks:
              chat: {kind: slack, webhook: "http://slack.example.org/hidden"}
            """)
        let cautions = try file.read().cautions
        #expect(
            cautions.map { String($0.prefix { $0 != ":" }) } == [
                "sources.deploys.amqp.uri in sluice.yaml", "queue.sasl_mechanism in sluice.yaml",
                "sinks.chat.webhook in sluice.yaml",
            ])
        #expect(cautions.contains { $0.contains("; set queue.tls: true in sluice.yaml, or use scram-sha-512") })
        #expect(!cautions.joined().contains("hidden"))
    }

    @Test(arguments: [
        ["AMQP_URI": "amqp://u:p@localhost"], ["AMQP_URI": "amqp://u:p@127.0.0.1:5672"],
        ["AMQP_URI": "amqp://u:p@[::1]"],
        ["AMQP_URI": "amqps://u:p@rabbit.example.org"],
        ["KAFKA_BROKERS": "k:9092"],
        ["KAFKA_BROKERS": "localhost:9092,[::1]:9092", "KAFKA_USERNAME": "u", "KAFKA_PASSWORD": "p"],
        ["KAFKA_BROKERS": "k:9092", "KAFKA_USERNAME": "u", "KAFKA_PASSWORD": "p", "KAFKA_TLS": "true"],
        [
            "KAFKA_BROKERS": "k:9092", "KAFKA_USERNAME": "u", "KAFKA_PASSWORD": "p",
            "KAFKA_SASL_MECHANISM": "scram-sha-512",
        ],
        [
            "KAFKA_BROKERS": "k:9092",
            "KAFKA_PROPERTIES": "security.protocol=sasl_ssl,sasl.mechanisms=PLAIN,sasl.username=u,sasl.password=p",
        ],
        ["GRAFANA_URL": "http://localhost:3000", "GRAFANA_TOKEN": "t"],
        ["GRAFANA_URL": "https://grafana.example.org", "GRAFANA_TOKEN": "t"],
        ["SLACK_WEBHOOK_URL": "http://127.0.0.1:1/x"], [:],
    ])
    func whatIsEncryptedOrStaysHereDrawsNone(_ environment: [String: String]) throws {
        #expect(try cautions(environment).isEmpty)
    }
}
