import Foundation
import GatewayTestSupport
import Testing

@testable import SluiceGateway

/// Everything that is in force is printed with where it comes from, and what is printed is a file.
struct EffectiveTests {
    private static let text = """
        defaults:
          timeout: {attempt: 10s}
          retry: {attempts: 5}
          breaker: {probes: 2}
        destinations:
          chat:
            throttle: {burst: 3}
            breaker: {window: 20s}
            budget: off
        sinks:
          chat: {kind: slack, webhook: "${WEBHOOK}", ordering: unordered}
          grafana:
            kind: grafana
            url: https://g.example.org
            token: written-out
            retry: {schedule: [5s, 1m]}
        """

    @Test func eachValueSaysWhereItComesFrom() throws {
        let values = try FileForTests(Self.text).read(["WEBHOOK": "https://w.example", "LOG_LEVEL": "error"]).inForce
        func origin(_ name: String) -> String { values[name].map { "\($0.text) # \($0.origin)" } ?? "none" }
        #expect(origin("sinks.chat.timeout.attempt") == "10s # defaults, sluice.yaml:2")
        #expect(origin("sinks.chat.retry.attempts") == "5 # defaults, sluice.yaml:3")
        #expect(origin("sinks.chat.ordering") == "unordered # sluice.yaml:11")
        #expect(origin("sinks.grafana.ordering") == "{key: repository, lanes: 8} # built-in, of kind grafana")
        #expect(origin("sinks.grafana.retry.schedule") == "[5s, 1m] # sluice.yaml:16")
        #expect(origin("sinks.grafana.retry.attempts") == "none")
        #expect(origin("sinks.grafana.backoff.transient.from") == "none")
        #expect(origin("sinks.grafana.backoff.throttled.from") != "none")
        #expect(origin("destinations.chat.throttle.burst") == "3 # sluice.yaml:7")
        #expect(origin("destinations.chat.throttle.rate") == "1/s # built-in, of kind slack")
        #expect(origin("destinations.chat.breaker.probes") == "2 # defaults, sluice.yaml:4")
        #expect(origin("destinations.chat.breaker.window") == "20s # sluice.yaml:8")
        #expect(origin("destinations.chat.budget") == "off # sluice.yaml:9")
        #expect(origin("destinations.chat.budget.ratio") == "none")
        #expect(origin("destinations.grafana.breaker.window") == "30s # built-in")
        #expect(origin("process.log_level") == "error # LOG_LEVEL")
        #expect(origin("sinks.chat.webhook") == "${WEBHOOK} # sluice.yaml:11")
        #expect(origin("sinks.grafana.token") == "*** # sluice.yaml:15")
    }

    /// What is printed of a file gives the same when it is read, secrets aside that were written out.
    @Test(arguments: [
        "sources:\n  github: {kind: github}\n", text.replacing("written-out", with: "${TOKEN}"),
        "defaults: {throttle: {rate: 2/m, after_429: {factor: 0.3, recovery: 9s}}, retry: {schedule: [1s]}}\n"
            + "sinks:\n  a: {kind: slack, webhook: \"${WEBHOOK}\"}\n",
        "destinations:\n  c: {concurrency: {mode: adaptive, limit: 3, maximum: 9}, breaker: off, retry_after: {jitter: 0%}}\n"
            + "sinks:\n  a: {kind: slack, webhook: \"${WEBHOOK}\", destination: c, start: beginning, group: g,"
            + " only: [{event: [commitPushed], repository: [\"a/*\", \"b\\\"\\\\/c\"]}, {service: [\"*\"]}]}\n"
            + "  b: {kind: slack, webhook: \"${WEBHOOK}\", destination: c, ordering: {lanes: 3}}\n",
        "sinks:\n  a:\n    kind: http\n    url: ${WEBHOOK}\n    body: '{\"text\": \"{{text}}\"}'\n    method: PUT\n"
            + "    headers: {Authorization: \"Bearer ${TOKEN}\", X-Plain: \"${TOKEN}\"}\n    answers: {success: [200, 3xx]}\n",
        "sinks:\n  a:\n    kind: http\n    url: ${WEBHOOK}\n    cloudevents: {mode: structured, source: /here}\n"
            + "  b:\n    kind: http\n    url: ${WEBHOOK}\n    preset: discord\n"
            + "  c:\n    kind: http\n    url: ${WEBHOOK}\n    body: '[\"{{text}}\"]'\n",
        "queue:\n  kind: kafka\n  brokers: [\"a:9092\", \"b:9092\"]\n  properties: {socket.keepalive.enable: \"true\"}\n"
            + "  retention: 12h\n  poison_retention: 500MB\n",
        "queue: {kind: kafka, brokers: \"a:9092,b:9092\", create_topics: false}\n",
        "process: {data: \"a: #b $${X}\", bind: \"127.0.0.1:1\", shutdown_timeout: 1m30s}\n",
        "simulator: {enabled: true, staging_delay: 5s}\n",
    ])
    func whatIsPrintedIsAFileThatMeansTheSame(text: String) throws {
        let environment = ["WEBHOOK": "https://w.example/x", "TOKEN": "of-a-service"]
        let configuration = try FileForTests(text).read(environment)
        let printed = try FileForTests(configuration.effectiveText)
        // What a file has written out as a secret has to be written again.
        guard !configuration.effectiveText.contains("***") else {
            #expect(configuration.effectiveText.contains("Bearer") == false)
            return
        }
        #expect(printed.faults(environment) == [])
        #expect(try printed.read(environment).texts == configuration.texts)
    }

    /// From the environment to a file: `sluice check --print > sluice.yaml`.
    @Test func whatIsPrintedOfTheEnvironmentMeansTheSame() throws {
        let directory = try TemporaryDirectory()
        var environment = [
            "SLUICE_DATA": "some where/#1", "GITHUB_WEBHOOK_SECRET": "of-github", "DEPLOYMENTS_TOKEN": "token",
            "GRAFANA_URL": "https://g.example.org", "GRAFANA_CREDENTIALS": "admin:word",
            "SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T/B/x", "SLACK_START": "2026-01-02T03:04:05Z",
            "GRAFANA_START": "beginning", "SIMULATE_DEPLOYMENTS": "true", "SIMULATE_STAGING_DELAY": "1",
            "SIMULATE_PRODUCTION_DELAY": "2.5", "LOG_LEVEL": "debug", "SHUTDOWN_TIMEOUT": "5",
            "EVENT_RETENTION": "7", "KAFKA_BROKERS": "broker:9092,other:9092", "KAFKA_TOPIC": "deploys",
            "KAFKA_GROUP": "team", "KAFKA_PARTITIONS": "12", "KAFKA_REPLICATION": "3", "KAFKA_TLS": "true",
            "KAFKA_SASL_MECHANISM": "scram-sha-512", "KAFKA_USERNAME": "sluice", "KAFKA_PASSWORD": "word",
            "KAFKA_PROPERTIES": "socket.keepalive.enable=true,client.id=a\\,b",
            "AMQP_URI": "amqp://u:p@rabbit.example.org/v",
            "AMQP_QUEUE": "q", "AMQP_DECLARE": "false", "POISON_RETENTION_BYTES": "500MB",
            "GROUP_RETENTION": "0.5", "LEDGER_RETENTION": "90", "KAFKA_CREATE_TOPICS": "false",
            "METRICS_TOKEN": "of-prometheus", "HTTP_IDLE_TIMEOUT": "90",
        ]
        let names = Set(GatewayConfiguration.variables.map(\.name))
        environment = environment.filter { names.contains($0.key) }
        #expect(environment.count >= 30, "variables have other names: \(environment.count)")
        for without in [nil] + environment.keys.sorted().map(Optional.some) {
            var some = environment
            if let without { some[without] = nil }
            // Credentials for no address mean nothing in the environment, and are a fault beside a file.
            if without == "GRAFANA_URL" || without == "KAFKA_BROKERS" { continue }
            guard let configuration = try? GatewayConfiguration(environment: some) else { continue }
            let file = try FileForTests(configuration.effectiveText)
            #expect(file.faults(some) == [], "without \(without ?? "nothing")")
            #expect(try file.read(some).texts == configuration.texts, "without \(without ?? "nothing")")
            withExtendedLifetime(directory) {}
        }
    }
}
