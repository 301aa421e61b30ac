import Foundation
import GatewayTestSupport
import Logging
import Sluice
import SluiceAMQP
import SluiceTestBrokers
import SluiceTesting
import Testing

@testable import SluiceGateway

extension EndToEnd {
    /// The examples of configuration files do what they say.
    @Suite(.timeLimit(.minutes(10)))
    struct ExampleConfigurationTests {
        private static let secrets = [
            "GITHUB_WEBHOOK_SECRET": "of-github", "DEPLOYMENTS_TOKEN": "of-deployments", "GRAFANA_TOKEN": "of-grafana",
        ]

        /// Grafana, as a service account meets it.
        private static func grafana() throws -> FakeSink {
            let grafana = try FakeSink()
            grafana.behave { request in
                guard request["Authorization"] == "Bearer of-grafana" else { return .status(401) }
                return request.method == "GET"
                    ? .status(200, headers: ["Content-Type": "application/json"], body: "[]")
                    : .status(200, body: #"{"id":1,"message":"Annotation added"}"#)
            }
            return grafana
        }

        private static func annotations(_ grafana: FakeSink) -> Int {
            grafana.requests.count { $0.method == "POST" }
        }

        private static func deployment(_ more: String = "") -> String {
            #"{"commit_id":"\#(StubCommit.randomHash())","env":"production","timestamp":1767323045\#(more)}"#
        }

        @Test func aSmallTeamGetsItsDeploymentsAndWhatIsOnMain() async throws {
            let (grafana, slack) = (try Self.grafana(), try FakeSlack())
            let file = try FileForTests(try ExampleConfigurations.text("small-team.yaml"))
            let environment = Self.secrets.merging([
                "GRAFANA_URL": grafana.url, "SLACK_WEBHOOK": slack.url + FakeSlack.path,
            ]) { $1 }
            try await file.run(environment) { gateway in
                let (main, other) = (StubCommit(), StubCommit())
                #expect(try await gateway.client.push([main]).status == 202)
                let elsewhere = String(decoding: Stub.push([other]), as: UTF8.self)
                    .replacing("heads\\/main", with: "heads\\/next").replacing("heads/main", with: "heads/next")
                #expect(try await gateway.client.gitHub(Array(elsewhere.utf8)).status == 202)
                let answer = try await gateway.client.send(
                    "POST", "/webhooks/deploys", headers: [("Authorization", "Bearer of-deployments")],
                    body: Array(Self.deployment().utf8))
                #expect(answer.status == 202)
                try await eventually("Grafana has all, Slack what it wants") {
                    Self.annotations(grafana) == 3 && slack.posts.count == 2
                }
                #expect(slack.pushes[main.id] == 1 && slack.pushes[other.id] == nil)
                #expect(slack.texts.contains { $0.contains("*production*") })
            }
        }

        @Test func aPlatformTeamGetsEachEventWhereItBelongs() async throws {
            let broker = try await RabbitMQBroker.shared()
            let kafka = try KafkaForTests(realGroups: true)
            let (slack, web, teams) = (try FakeSlack(), try FakeSlack(), try FakeSink())
            teams.behave { _ in .status(202) }
            let queue = "deployments-\(String(UInt64.random(in: .min ... .max), radix: 36))"
            let file = try FileForTests(try ExampleConfigurations.text("platform-team.yaml"))
            var environment = Self.secrets.merging([
                "AMQP_URI": broker.uri(), "AMQP_QUEUE": queue, "SLACK_PRODUCTION": slack.url + FakeSlack.path,
                "SLACK_WEB": web.url + FakeSlack.path, "TEAMS_URL": teams.url + "/hook",
            ]) { $1 }
            environment["GRAFANA_TOKEN"] = nil
            for name in ["KAFKA_BROKERS", "KAFKA_TOPIC", "KAFKA_GROUP"] { environment[name] = kafka.environment[name] }
            try await file.run(environment) { gateway in
                let (shop, other) = (StubCommit(), StubCommit())
                #expect(try await gateway.client.push([shop], repository: "acme/web-shop").status == 202)
                #expect(try await gateway.client.push([other], repository: "acme/api").status == 202)
                let publisher = try AMQPPublisher(
                    try AMQPConfiguration(uri: broker.uri()), logger: Logger(label: "test"))
                let failed = Self.deployment(#","service":"web-shop","result":"failure""#)
                try await publisher.publish(
                    [failed, Self.deployment()].map { Message(payload: Array($0.utf8)) }, to: Topic(queue))
                await publisher.close()
                try await eventually("each channel has what it wants") {
                    slack.posts.count == 2 && web.posts.count == 2 && teams.requests.count == 1
                }
                #expect(web.pushes[shop.id] == 1 && web.pushes[other.id] == nil)
                #expect(slack.pushes.isEmpty)
                #expect(teams.requests.first?.text.contains("AdaptiveCard") == true)
                let destinations = Set(gateway.gateway.sinks.all.prefix(2).map { ObjectIdentifier($0.destination) })
                #expect(destinations.count == 1)
            }
        }

        @Test func anOutageCostsFewAttemptsAndNoEvent() async throws {
            let (grafana, slack, audit) = (try Self.grafana(), try FakeSlack(), try FakeSink())
            let file = try FileForTests(try ExampleConfigurations.text("tuned-for-outages.yaml"))
            var environment = Self.secrets.merging([
                "GRAFANA_URL": grafana.url, "SLACK_WEBHOOK": slack.url + FakeSlack.path, "AUDIT_URL": audit.url + "/e",
            ]) { $1 }
            environment["DEPLOYMENTS_TOKEN"] = nil
            slack.behave { _ in .status(503) }
            try await file.run(environment) { gateway in
                let commits = (0..<4).map { _ in StubCommit() }
                #expect(try await gateway.client.push(commits).status == 202)
                try await eventually("the others are not held up") {
                    Self.annotations(grafana) == 4 && audit.requests.count == 4
                }
                let type = audit.requests.first?["Content-Type"] ?? ""
                #expect(type.hasPrefix("application/cloudevents+json"), "\(type)")
                try await eventually("the breaker is open") {
                    try await gateway.client.metrics().samples.contains {
                        $0.name == "sluice_circuit_breaker_state" && $0["destination"] == "slack"
                            && $0["state"] != "closed"
                            && $0.value == 1
                    }
                }
                slack.behave { _ in .ordinary }
                try await eventually("everything is delivered once") {
                    commits.allSatisfy { slack.pushes[$0.id] == 1 }
                }
            }
        }
    }
}
