import Foundation
import GatewayTestSupport
import Sluice
import SluicePrometheus
import SluiceSQLite
import SluiceTesting
import Testing

@testable import SluiceGateway

extension EndToEnd {
    /// Facts that cannot be, and events of versions to come.
    struct ImplausibleFactsTests {
        private static func put(_ messages: [Message], in directory: TemporaryDirectory) async throws {
            try FileManager.default.createDirectory(
                atPath: directory.path + "/data", withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700])
            let log = try SQLiteLog.open(SQLiteLog.Configuration(path: directory.path + "/data/events.sqlite"))
            try await log.publisher().publish(messages, to: "events")
            await log.close()
        }

        private static func caughtUp(_ client: GatewayClient, _ routes: [String]) async throws {
            for route in routes {
                try await eventually("\(route) is through") {
                    try await client.metric("sluice_consumer_lag_messages", ["handler_name": route]) == 0
                }
            }
        }

        @Test func kindsFromTheFutureAreAcknowledgedAndCountedOnEveryRoute() async throws {
            let (grafana, slack, directory) = (try FakeGrafana(), try FakeSlack(), try TemporaryDirectory())
            let payload = Array(#"{"id":"feed1234","incident":{"opened":7}}"#.utf8)
            let event = Event.commitPushed(
                CommitPushed(
                    id: "feed1234", message: "m", author: "a", occurredOn: .now(), repository: "octo/hello"))
            let messages = [
                Message(metadata: ["event_type": "incidentOpened"], payload: payload),
                Message(metadata: ["event_type": "commitpushed"], payload: []),
                Message(metadata: ["event_type": "x\u{1B}[2J y"], payload: [0xFF]),
                event.message(),
            ]
            try await withGateway(in: directory, grafana: grafana, slack: slack) { configuration in
                var simulator = GatewayConfiguration.Simulator()
                (simulator.stagingDelay, simulator.productionDelay) = (.zero, .zero)
                configuration.simulator = simulator
            } _: { gateway in
                let routes = [
                    "log-to-grafana", "log-to-slack", "log-to-metrics", "simulate-staging", "simulate-production",
                ]
                // The simulator begins with what comes after it was switched on.
                try await Self.put(messages, in: directory)
                try await eventually("the event that is known") { grafana.annotations.count == 3 }
                try await Self.caughtUp(gateway.client, routes)
                // A series that is new is shown at 0 first.
                for route in routes {
                    for type in ["incidentOpened", "commitpushed", "other"] {
                        try await eventually("\(route) has counted \(type)") {
                            try await gateway.client.metric(
                                "sluice_unknown_events_total", ["handler_name": route, "event_type": type]) == 1
                        }
                    }
                    let poisoned = try await gateway.client.metric(
                        "sluice_deliveries_total", ["handler_name": route, "outcome": "poisoned"])
                    #expect(poisoned == 0)
                }
                #expect(slack.posts.count == 3)
            }
            #expect(try await poisonedMessages(in: directory).isEmpty)
        }

        @Test func timesThatAreNotBelievedEnterNoFigure() async throws {
            let (grafana, directory) = (try FakeGrafana(), try TemporaryDirectory())
            let place = ["service": "hello", "environment": "production"]
            let commit = StubCommit.randomHash()
            let now = Timestamp(millisecondsSince1970: Timestamp.now().millisecondsSince1970 / 1_000 * 1_000)
            func deploy(_ client: GatewayClient, _ timestamp: String, _ commit: String, _ result: String = "success")
                async throws
            {
                let body = """
                    {"commit_id": "\(commit)", "env": "production", "timestamp": \(timestamp), "service": "hello",
                     "repository": "octo/hello", "result": "\(result)"}
                    """
                #expect(try await client.send("POST", "/webhooks/deployments", body: Array(body.utf8)).status == 202)
            }
            try await withGateway(in: directory, grafana: grafana) { gateway in
                var push = StubCommit()
                (push.id, push.time) = (commit, "1970-01-01T00:00:00Z")
                #expect(try await gateway.client.push([push], repository: "octo/hello").status == 202)
                try await deploy(gateway.client, "\"9999-12-31T23:59:59Z\"", commit)
                try await deploy(gateway.client, "\"0001-01-01T00:00:00Z\"", commit)
                try await deploy(gateway.client, "0", commit, "failure")
                try await deploy(gateway.client, "\"\(RFC3339.format(now))\"", String(commit.prefix(4)))
                try await Self.caughtUp(gateway.client, ["log-to-metrics", "log-to-grafana"])
                let metrics = try await gateway.client.metrics()
                #expect(
                    metrics.value("sluice_last_deployment_timestamp_seconds", place)
                        == Double(now.millisecondsSince1970) / 1_000)
                // Neither are they deployments, or failures, in any count but that of what is not believed.
                let success = place.merging(["result": "success"]) { $1 }
                #expect(metrics.value("sluice_deployments_total", success) == 1)
                #expect(metrics.value("sluice_deployments_total", place.merging(["result": "failure"]) { $1 }) == 0)
                #expect(metrics.value("sluice_change_failures_total", place) == 0)
                #expect(
                    metrics.value(
                        "sluice_implausible_times_total",
                        ["handler_name": "log-to-metrics", "event_type": "deploymentFailed"]) == 1)
                #expect(metrics.value("sluice_deployment_lead_time_seconds_count", place) == 0)
                #expect(metrics.value("sluice_time_to_restore_seconds_count", place) == 0)
                #expect(metrics.value("sluice_lead_times_left_out_total", ["reason": "implausible_time"]) == 2)
                #expect(metrics.value("sluice_lead_times_left_out_total", ["reason": "short_hash"]) == 1)
                #expect(metrics.value("sluice_facts_repaired_total", ["fact": "commit_time"]) == 1)
                for (route, kind) in [
                    ("log-to-metrics", "commitDeployed"), ("log-to-grafana", "commitDeployed"),
                ] {
                    #expect(
                        metrics.value(
                            "sluice_implausible_times_total", ["handler_name": route, "event_type": kind]) == 2)
                }
                let sum = metrics.samples.filter { $0.name == "sluice_event_age_seconds_sum" }.map(\.value).reduce(0, +)
                #expect(sum < 3_600)
                // A commit of 1970 was pushed when it was heard of: the whole of its way is known, and it is short.
                try await deploy(gateway.client, "\"\(RFC3339.format(.now().advanced(by: .seconds(60))))\"", commit)
                try await eventually("the lead time") {
                    try await gateway.client.metric(
                        "sluice_deployment_lead_time_seconds_count", place) == 1
                }
                let lead = try await gateway.client.metric("sluice_deployment_lead_time_seconds_sum", place)
                #expect((lead ?? .infinity) < 3_600)
            }
        }

        @Test func oneBadCommitDoesNotRefuseThePush() async throws {
            let (grafana, slack, directory) = (try FakeGrafana(), try FakeSlack(), try TemporaryDirectory())
            try await withGateway(in: directory, grafana: grafana, slack: slack) { gateway in
                let (bad, good) = (StubCommit.randomHash(), StubCommit.randomHash())
                let body = """
                    \u{FEFF}{"ref":"refs/heads/main","repository":{"full_name":"octo/hello","pushed_at":1778051289},
                     "commits":[{"id":"\(bad)","message":"a\\ud83d","timestamp":"2011-08-07T16:50:23+518:00"},null,
                     {"id":"\(good)","message":"b","timestamp":"2026-05-06T07:00:00Z","author":{"username":"ann"}}]}
                    """
                #expect(try await gateway.client.gitHub(Array(body.utf8)).status == 202)
                try await eventually("both commits in both sinks") {
                    grafana.pushes == [bad: 1, good: 1] && slack.pushes == [bad: 1, good: 1]
                }
                #expect(grafana.annotations.first { $0.text.contains(bad) }?.time == 1_778_051_289_000)
                let metrics = try await gateway.client.metrics()
                #expect(metrics.value("sluice_facts_repaired_total", ["fact": "commit_time"]) == 1)
                #expect(metrics.value("sluice_facts_repaired_total", ["fact": "commit"]) == 1)
            }
        }
    }
}
