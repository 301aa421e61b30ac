import Foundation
import GatewayTestSupport
import Sluice
import SluicePrometheus
import SluiceTesting
import Testing

@testable import SluiceGateway

extension EndToEnd {
    /// A sink that fails is given a rest, that is visible, and what waited arrives in order.
    @Suite(.timeLimit(.minutes(10)))
    struct BreakerTests {
        private typealias Outage = OutageTests

        @Test(arguments: OutageTests.Sink.allCases)
        func aSinkThatFailsIsGivenARestAndCatchesUpInOrder(failing: OutageTests.Sink) async throws {
            try await Outage.withScene(failing) { scene in
                scene.sick.behave { _ in .status(503) }
                let commits = try await scene.push(30)
                try await scene.healthyHas(commits)
                let note = "\(scene.destination): the breaker is open since "
                try await eventually("the note in /readyz") {
                    let ready = try await scene.gateway.client.ready()
                    return ready.status == 200 && ready.text.contains(note) && ready.text.contains("503")
                }
                let destination = ["destination": scene.destination]
                func value(_ name: String, _ labels: [String: String]) async throws -> Double? {
                    try await scene.gateway.client.metric(name, labels.merging(destination) { $1 })
                }
                #expect(try await value("sluice_destination_shut", ["why": "breaker"]) == 1)
                #expect(try await value("sluice_circuit_breaker_state", ["state": "closed"]) == 0)
                // The other one's is not touched by that.
                let other = ["destination": scene.failing == .grafana ? "slack" : "grafana", "state": "closed"]
                let metrics = try await scene.gateway.client.metrics()
                #expect(metrics.value("sluice_circuit_breaker_state", other) == 1)

                scene.sick.behave { _ in .ordinary }
                try await scene.sickHas(commits)
                #expect(commits.allSatisfy { scene.sickCounts[$0] == 1 })
                let texts = failing == .grafana ? scene.grafana.annotations.map(\.text) : scene.slack.texts
                let order = texts.compactMap { text in commits.firstIndex { text.contains($0.prefix(12)) } }
                #expect(order == order.sorted() && order.count == commits.count)
                try await eventually("the note is gone") {
                    try await scene.gateway.client.ready().text.contains(note) == false
                }
                #expect(try await value("sluice_circuit_breaker_state", ["state": "closed"]) == 1)
                #expect(try await value("sluice_destination_shut", ["why": "breaker"]) == 0)
                #expect(try await value("sluice_circuit_breaker_transitions_total", ["to": "closed"]) ?? 0 >= 1)
                #expect(scene.gateway.log.contains("the breaker is open"))
                #expect(scene.gateway.log.contains("the breaker is closed"))
            }
        }

        /// Many wait, of several repositories: each look at the sink is one message's, whatever waits beside it.
        @Test func aDeadSinkIsAskedByOneMessageAtATime() async throws {
            try await Outage.withScene(.grafana, configure: { $0.pace.destination.breaker = CircuitBreaker() }) {
                scene in
                scene.sick.goDown()
                for number in 0..<20 {
                    let commits = (0..<20).map { _ in StubCommit() }
                    let answer = try await scene.gateway.client.push(commits, repository: "octo/r\(number)")
                    #expect(answer.status == 202)
                }
                func metrics() async throws -> (failures: Double, looks: Double) {
                    let metrics = try await scene.gateway.client.metrics()
                    return (
                        metrics.value(
                            "sluice_destination_attempts_total", ["destination": "grafana", "result": "failure"]) ?? 0,
                        metrics.value(
                            "sluice_circuit_breaker_transitions_total", ["destination": "grafana", "to": "half_open"])
                            ?? 0
                    )
                }
                // Rests of about one and two seconds.
                try await eventually("it has been looked at twice") { try await metrics().looks >= 2 }
                let (failures, looks) = try await metrics()
                // Seven open it, while up to eight are under way.
                #expect(failures <= 7 + 8 + looks)
                #expect(try await scene.gateway.client.ready().text.contains("grafana: the breaker is open since "))
                try scene.sick.comeBack()
                try await eventually("all has arrived") { scene.grafana.annotations.count == 400 }
            }
        }

        /// The queue and what comes in are no destinations.
        @Test func noBreakerRefusesAWebhook() async throws {
            let disk = try await SmallDisk()
            let grafana = try FakeGrafana()
            try await withGateway(
                in: disk.directory, grafana: grafana, configure: { $0.pace.destination.breaker = CircuitBreaker() }
            ) { gateway in
                let client = gateway.client
                try await disk.fill()
                try await eventually("webhooks are refused, again and again") {
                    let answers = try await client.metric(
                        "sluice_http_requests_total", ["route": "/webhooks/github", "code": "503"])
                    if answers ?? 0 >= 12 { return true }
                    _ = try await client.push((0..<100).map { _ in StubCommit() })
                    return false
                }
                try disk.free()
                try await client.waitUntilReady()
                #expect(try await client.push([StubCommit()]).status == 202)
                let waited = try await client.metric(
                    "sluice_delivery_stage_seconds_sum", ["handler_name": "github-to-log", "stage": "breaker"])
                #expect(waited == 0)
            }
        }
    }
}
