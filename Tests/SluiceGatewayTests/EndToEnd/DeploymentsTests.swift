import Foundation
import GatewayTestSupport
import SluicePrometheus
import SluiceTesting
import Testing

@testable import SluiceGateway

extension EndToEnd {
    /// What deploy tools send.
    struct DeploymentsTests {
        static let commit = "33aa44bb55cc66dd77ee88ff99aa00bb11cc22dd"

        static func body(_ commit: String = commit, env: String = "production") -> [UInt8] {
            Array(
                """
                {"commit_id": "\(commit)", "env": "\(env)", "timestamp": "2026-01-02T04:04:05.250Z",
                 "service": "hello", "repository": "octo/hello"}
                """.utf8)
        }

        @Test func aDeploymentGivesAnAnnotationAndAMessage() async throws {
            let (grafana, slack, directory) = (try FakeGrafana(), try FakeSlack(), try TemporaryDirectory())
            try await withGateway(in: directory, grafana: grafana, slack: slack) { gateway in
                let answer = try await gateway.client.send("POST", "/webhooks/deployments", body: Self.body())
                #expect(answer.status == 202)
                try await eventually("both sinks") { grafana.annotations.count == 1 && slack.posts.count == 1 }
                let annotation = try #require(grafana.annotations.first)
                #expect(annotation.text == "Commit \(Self.commit) deployed to production")
                #expect(annotation.time == 1_767_326_645_250)
                #expect(annotation.tags.prefix(2) == ["deploy-production", "octo/hello"])
                #expect(slack.texts == [":heavy_check_mark: Commit `\(Self.commit)` deployed to *production*"])
            }
        }

        @Test func aFailedDeploymentIsShownAndTheNextThatSucceedsRestores() async throws {
            let (grafana, slack, directory) = (try FakeGrafana(), try FakeSlack(), try TemporaryDirectory())
            let place = ["service": "hello", "environment": "production"]
            func body(_ time: String, _ result: String) -> [UInt8] {
                Array(
                    """
                    {"commit_id": "\(Self.commit)", "env": "production", "timestamp": "2026-01-02T\(time)Z",
                     "service": "hello", "result": "\(result)"}
                    """.utf8)
            }
            try await withGateway(in: directory, grafana: grafana, slack: slack) { gateway in
                let story = [
                    ("01:00:00", "failure"), ("02:00:00", "success"), ("03:00:00", "failure"),
                    ("03:10:00", "failure"), ("04:00:00", "success"), ("05:00:00", "success"),
                ]
                for (time, result) in story {
                    let answer = try await gateway.client.send(
                        "POST", "/webhooks/deployments", body: body(time, result))
                    #expect(answer.status == 202)
                }
                try await eventually("everything is counted") {
                    try await gateway.client.metric(
                        "sluice_deployments_total", place.merging(["result": "success"]) { $1 }) == 3
                }
                let metrics = try await gateway.client.metrics()
                #expect(metrics.value("sluice_deployments_total", place.merging(["result": "failure"]) { $1 }) == 3)
                #expect(metrics.value("sluice_change_failures_total", place) == 3)
                // An hour each, from the first failure to the success that ended them.
                #expect(metrics.value("sluice_time_to_restore_seconds_count", place) == 2)
                #expect(metrics.value("sluice_time_to_restore_seconds_sum", place) == 7_200)
                #expect(metrics.value("sluice_last_deployment_timestamp_seconds", place) == 1_767_330_000)
                try await eventually("both sinks") { grafana.annotations.count == 6 && slack.posts.count == 6 }
            }
            let failed = grafana.annotations.filter { $0.tags.contains("deploy-failed-production") }
            #expect(failed.count == 3)
            #expect(failed.allSatisfy { $0.text == "Commit \(Self.commit) failed to deploy to production" })
            #expect(
                slack.texts.filter { $0 == ":x: Commit `\(Self.commit)` *failed* to deploy to *production*" }.count == 3
            )
        }

        @Test func theTokenIsAskedForWhereThereIsOne() async throws {
            let (grafana, directory) = (try FakeGrafana(), try TemporaryDirectory())
            try await withGateway(
                in: directory, grafana: grafana, configure: { $0.deployments.token = Secret("let-me-in") }
            ) { gateway in
                func status(_ token: String?) async throws -> Int {
                    let headers = token.map { [("Authorization", "Bearer \($0)")] } ?? []
                    return try await gateway.client.send(
                        "POST", "/webhooks/deployments", headers: headers, body: Self.body()
                    ).status
                }
                #expect(try await status(nil) == 401)
                #expect(try await status("let-me-out") == 401)
                #expect(try await status("") == 401)
                #expect(grafana.requests.isEmpty)
                #expect(try await status("let-me-in") == 202)
                try await eventually("the annotation") { grafana.annotations.count == 1 }
            }
        }

        @Test func aDeploymentIsCountedOnceAcrossARedeliveryAndARestart() async throws {
            let (grafana, directory) = (try FakeGrafana(), try TemporaryDirectory())
            let labels = ["service": "hello", "environment": "production", "result": "success"]
            func deliver(_ gateway: RunningGateway, _ body: [UInt8]) async throws {
                #expect(try await gateway.client.send("POST", "/webhooks/deployments", body: body).status == 202)
                try await eventually("log-to-metrics is through") {
                    try await gateway.client.metric(
                        "sluice_consumer_lag_messages", ["handler_name": "log-to-metrics"]) == 0
                }
            }
            try await withGateway(in: directory, grafana: grafana) { gateway in
                var push = StubCommit()
                push.id = Self.commit
                push.time = "2026-01-02T03:04:05Z"
                #expect(try await gateway.client.push([push]).status == 202)
                for _ in 0..<3 { try await deliver(gateway, Self.body()) }
                let metrics = try await gateway.client.metrics()
                #expect(metrics.value("sluice_deployments_total", labels) == 1)
                let place = ["service": "hello", "environment": "production"]
                #expect(metrics.value("sluice_deployment_lead_time_seconds_count", place) == 1)
                #expect(metrics.value("sluice_deployment_lead_time_seconds_sum", place) == 3_600.25)
                #expect(metrics.value("sluice_last_deployment_timestamp_seconds", place) == 1_767_326_645.25)
            }
            try await withGateway(in: directory, grafana: grafana) { gateway in
                // Known from before, and from 0: a counter's reset is what Prometheus expects of a restart.
                let start = try await gateway.client.metrics()
                #expect(start.value("sluice_deployments_total", labels) == 0)
                try await deliver(gateway, Self.body())
                #expect(try await gateway.client.metric("sluice_deployments_total", labels) == 0)
                try await deliver(gateway, Self.body(StubCommit.randomHash()))
                #expect(try await gateway.client.metric("sluice_deployments_total", labels) == 1)
            }
            #expect(grafana.annotations.count == 3)
        }
    }
}
