import Foundation
import GatewayTestSupport
import Logging
import Sluice
// Without @testable: what a program of its own has.
import SluiceGateway
import SluiceTesting
import Synchronization
import Testing

/// A sink as a user writes it: keeps what it got, and fails as it is told.
private final class NotingSink: Sink {
    private let state = Mutex<(commits: [String], failure: HandlerError?)>(([], nil))

    var commits: [String] { state.withLock(\.commits) }

    func fail(_ failure: HandlerError?) { state.withLock { $0.failure = failure } }

    func deliver(_ delivery: SinkDelivery) async throws {
        try state.withLock { state in
            if let failure = state.failure { throw failure }
            state.commits.append(delivery.event.commit)
        }
    }
}

extension EndToEnd {
    /// Sinks that a program brings along, and several of one kind.
    struct OwnSinkTests {
        private let directory: TemporaryDirectory

        init() throws {
            directory = try TemporaryDirectory()
        }

        @Test func aSinkOfOnesOwnIsLikeOurs() async throws {
            let sink = NotingSink()
            try await withGateway(in: directory) {
                $0.sinks = [ConfiguredSink("log-to-file", sink, ordering: .serial)]
            } _: { gateway in
                let (client, commit) = (gateway.client, StubCommit())
                #expect(try await client.push([commit]).status == 202)
                try await eventually("the event") { sink.commits == [commit.id] }
                let route = ["handler_name": "log-to-file"]
                try await eventually("it is counted") {
                    try await client.metric(
                        "sluice_deliveries_total", ["handler_name": "log-to-file", "outcome": "acked"]) == 1
                }
                sink.fail(
                    HandlerError("the disk is full", reason: "disk", disposition: .hold("disk full", for: .seconds(60)))
                )
                #expect(try await client.push([StubCommit(), StubCommit()]).status == 202)
                // Both of them, though the destination has but one in hand.
                try await eventually("/readyz names it, and all that wait") {
                    let text = try await client.ready().text
                    return text.contains("log-to-file: held: disk full; ") && text.contains("; 2 messages wait")
                }
                #expect(try await client.ready().status == 200)
                #expect(try await client.metric("sluice_consumer_lag_messages", route) == 2)
            }
        }

        @Test func whatASinkOfOnesOwnCanNeverTakeIsPoisoned() async throws {
            let sink = NotingSink()
            sink.fail(HandlerError("no", reason: "no", disposition: .poison("no")))
            try await withGateway(in: directory) {
                $0.sinks = [ConfiguredSink("own", sink)]
            } _: { gateway in
                #expect(try await gateway.client.push([StubCommit()]).status == 202)
                try await eventually("the poison queue has it") {
                    try await gateway.client.metric("sluice_poison_queue_messages", ["topic": "poison"]) == 1
                }
                sink.fail(nil)
                let commit = StubCommit()
                #expect(try await gateway.client.push([commit]).status == 202)
                try await eventually("the next one") { sink.commits == [commit.id] }
            }
        }

        @Test func severalSinksOfAKindGoOnByThemselves() async throws {
            let (first, second) = (try FakeSlack(), try FakeSlack())
            first.behave { _ in .status(500) }
            try await withGateway(in: directory) { configuration in
                configuration.sinks = [("prod", first), ("web", second)].map { name, slack in
                    ConfiguredSink(name, SlackSink(webhook: Secret(slack.url + FakeSlack.path)))
                }
            } _: { gateway in
                let commit = StubCommit()
                #expect(try await gateway.client.push([commit]).status == 202)
                try await eventually("the one that works") { second.pushes[commit.id] == 1 }
                let metrics = try await gateway.client.metrics()
                #expect(metrics.value("sluice_connection_up", ["component": "web"]) == 1)
                #expect(metrics.value("sluice_connection_up", ["component": "prod"]) == 0)
                first.behave { _ in .ordinary }
                try await eventually("the other, later") { first.pushes[commit.id] == 1 }
            }
        }

        @Test func severalSourcesOfAKindHaveASecretEach() async throws {
            let sink = NotingSink()
            try await withGateway(in: directory) {
                $0.sinks = [ConfiguredSink("own", sink)]
                $0.sources = ["acme", "octo"].map { ConfiguredSource($0, GitHubSource(secret: Secret("of \($0)"))) }
            } _: { gateway in
                var client = gateway.client
                client.secret = "of acme"
                let commit = StubCommit()
                let body = Stub.push([commit], repository: Stub.repository)
                #expect(try await client.gitHub(body, path: "/webhooks/octo").status == 401)
                #expect(try await client.gitHub(body, path: "/webhooks/acme").status == 202)
                #expect(try await client.gitHub(body).status == 404)
                try await eventually("the event") { sink.commits == [commit.id] }
            }
        }

        @Test(arguments: [["a", "a"], ["a", "log-to-a"], ["metrics"], ["kafka"], [""], ["a b"], ["log-to-metrics"]])
        func namesThatCannotBeAreRefused(_ names: [String]) throws {
            let configuration = testConfiguration(in: directory, grafana: nil, slack: nil)
            let error = #expect(throws: ConfigurationError.self) {
                try Gateway(configuration, sinks: names.map { ConfiguredSink($0, NotingSink()) })
            }
            #expect(error?.field.hasPrefix("sinks") == true)
        }

        /// A program of its own need not know that there are warnings.
        @Test func theGatewayLogsTheWarningsOfItsConfigurationOnce() async throws {
            let log = LogRecorder()
            var configuration = testConfiguration(in: directory, grafana: nil, slack: nil)
            configuration.warnings = ["GITHUB_WEBHOOK_SECRT is not known"]
            let gateway = try Gateway(configuration, logger: log.logger)
            await gateway.close()
            let warnings = log.entries.filter { $0.message == "GITHUB_WEBHOOK_SECRT is not known" }
            #expect(warnings.map(\.level) == [.warning])
        }

        @Test func aProgramWaitsUntilItsGatewayIsReadyAndTheFirstRequestIsTaken() async throws {
            let sink = NotingSink()
            let gateway = try Gateway(
                testConfiguration(in: directory, grafana: nil, slack: nil), sinks: [ConfiguredSink("own", sink)])
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await gateway.run() }
                try await gateway.ready()
                let client = GatewayClient(
                    webhooksPort: try await gateway.webhooksPort, metricsPort: try await gateway.metricsPort)
                #expect(try await client.ready().status == 200)
                let commit = StubCommit()
                #expect(try await client.push([commit]).status == 202)
                try await eventually("the event") { sink.commits == [commit.id] }
                group.cancelAll()
                try? await group.waitForAll()
            }
            await #expect(throws: (any Error).self) { try await gateway.ready() }
        }
    }
}
