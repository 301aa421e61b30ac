import Foundation
import GatewayTestSupport
import SluiceGateway
import SluiceKafka
import SluiceTesting
import Testing

/// Each variable that docs/ENVIRONMENT.md and `--help` list does something.
struct EveryVariableTests {
    /// With a certificate and its key; made once.
    private static let files = Task { try await makeFiles() }
    private let directory: TemporaryDirectory

    init() async throws {
        directory = try await Self.files.value
    }

    private static func makeFiles() async throws -> TemporaryDirectory {
        let directory = try TemporaryDirectory()
        let made = try await runTool(
            [
                "openssl", "req", "-x509", "-newkey", "rsa:2048", "-passout", "pass:of-the-key", "-subj", "/CN=test",
                "-keyout", "\(directory.path)/key.pem", "-out", "\(directory.path)/certificate.pem",
            ], in: directory)
        try #require(made.status == 0, "\(made.output)")
        return directory
    }

    /// Everything at once, each with another value than it has unset.
    private var full: [String: String] {
        [
            "BIND_ADDR": "127.0.0.1:9000", "METRICS_BIND_ADDR": "127.0.0.1:9001",
            "SLUICE_DATA": "\(directory.path)/data", "GITHUB_WEBHOOK_SECRET": "of-github", "DEPLOYMENTS_TOKEN": "token",
            "SLUICE_ALLOW_UNSIGNED": "true", "GRAFANA_URL": "https://grafana.example.org",
            "GRAFANA_CREDENTIALS": "admin:word", "SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T/B/x",
            "SIMULATE_DEPLOYMENTS": "true", "SIMULATE_STAGING_DELAY": "1", "SIMULATE_PRODUCTION_DELAY": "2",
            "LOG_LEVEL": "debug", "LOG_FORMAT": "json", "SHUTDOWN_TIMEOUT": "5", "EVENT_RETENTION": "7",
            "KAFKA_BROKERS": "broker:9092", "KAFKA_TOPIC": "deploys", "KAFKA_GROUP": "team",
            "KAFKA_PARTITIONS": "12", "KAFKA_REPLICATION": "3", "KAFKA_TLS": "true",
            "KAFKA_TLS_CA": "\(directory.path)/certificate.pem", "KAFKA_TLS_CERT": "\(directory.path)/certificate.pem",
            "KAFKA_TLS_KEY": "\(directory.path)/key.pem", "KAFKA_TLS_KEY_PASSWORD": "of-the-key",
            "KAFKA_SASL_MECHANISM": "scram-sha-512", "KAFKA_USERNAME": "sluice", "KAFKA_PASSWORD": "word",
            "KAFKA_PROPERTIES": "socket.keepalive.enable=true", "AMQP_URI": "amqps://u:p@rabbit.example.org/v",
            "AMQP_QUEUE": "q", "POISON_RETENTION_BYTES": "500MB", "JOURNAL_BYTES": "500MB",
            "OTEL_EXPORTER_OTLP_HEADERS": "api-key=k", "OTEL_RESOURCE_ATTRIBUTES": "team=web",
            "OTEL_TRACES_SAMPLER": "always_off", "OTEL_TRACES_SAMPLER_ARG": "0.5",
        ]
    }

    /// What one of these does shows only without others.
    private var rivals: [String: [String]] {
        [
            "GRAFANA_TOKEN": ["GRAFANA_CREDENTIALS"],
            // What asks for TLS in other ways.
            "KAFKA_TLS": ["KAFKA_TLS_CA", "KAFKA_TLS_CERT", "KAFKA_TLS_KEY", "KAFKA_TLS_KEY_PASSWORD"],
            "SLUICE_ALLOW_UNSIGNED": ["GITHUB_WEBHOOK_SECRET", "DEPLOYMENTS_TOKEN"],
        ]
    }

    /// For variables that are not above.
    private let guesses = [
        "true", "false", "now", "a-token", "7", "600", "a,b", "127.0.0.1:9002", "https://example.org:1",
        "2026-01-02T03:04:05Z",
    ]

    /// The above, and of what it leaves out whatever switches a part on.
    private static let everything = Task {
        let test = try await EveryVariableTests()
        var environment = test.full
        for variable in GatewayConfiguration.variables
        where environment[variable.name] == nil && variable.defaultValue == nil {
            environment[variable.name] = test.candidates.first { value in
                !test.outcome(environment.merging([variable.name: value]) { $1 }).hasPrefix("refused")
            }
        }
        return environment
    }

    private var candidates: [String] { guesses + [directory.path + "/certificate.pem"] }

    @Test func allOfThemTogetherAreAccepted() throws {
        let configuration = try GatewayConfiguration(environment: full)
        #expect(configuration.kafka != nil && configuration.deployments.amqp != nil && configuration.grafana != nil)
    }

    @Test(arguments: GatewayConfiguration.variables)
    func everyVariableHasAnEffect(variable: ConfigurationVariable) async throws {
        var base = try await Self.everything.value
        for rival in rivals[variable.name] ?? [] { base[rival] = nil }
        if variable.name == "SLUICE_ALLOW_UNSIGNED" { base["BIND_ADDR"] = "0.0.0.0:9000" }
        let values =
            full[variable.name].map { [$0] } ?? candidates
        base[variable.name] = nil
        let without = outcome(base)
        let effective = values.filter { value in
            let with = outcome(base.merging([variable.name: value]) { $1 })
            return with != without && !with.hasPrefix("refused")
        }
        #expect(!effective.isEmpty, "\(variable.name) does nothing; without it: \(without)")
    }

    /// The configuration as text, or why it is none.
    private func outcome(_ environment: [String: String]) -> String {
        do {
            let configuration = try GatewayConfiguration(environment: environment)
            var text = ""
            dump(configuration, to: &text)
            // What shows nothing of itself.
            let tls = configuration.kafka?.client.tls
            let file = GatewayConfiguration.configurationFile(environment: environment)
            return text + [tls?.certificateAuthorities, tls?.keyPassword, file].map { $0 ?? "none" }.joined()
        } catch {
            return "refused: \(error)"
        }
    }
}
