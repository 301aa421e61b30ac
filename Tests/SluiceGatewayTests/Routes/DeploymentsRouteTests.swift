import Foundation
import GatewayTestSupport
import Sluice
import SluicePrometheus
import SluiceSQLite
import SluiceTesting
import Testing

@testable import SluiceGateway

extension EndToEnd {
    /// The route that makes metrics of what waits on the queue.
    struct DeploymentsRouteTests {
        private static func deployment(_ number: Int) -> Event {
            .commitDeployed(
                Deployment(
                    id: String(100_000_000_000 + number) + String(repeating: "0", count: 28), env: "production",
                    occurredOn: Timestamp.now().advanced(by: .milliseconds(-number)), service: "hello"))
        }

        @Test func whatWaitsIsRecordedManyAtATimeAndEachIsCountedOnce() async throws {
            let (grafana, directory, count) = (try FakeGrafana(), try TemporaryDirectory(), 1_000)
            try FileManager.default.createDirectory(
                atPath: directory.path + "/data", withIntermediateDirectories: true)
            let log = try SQLiteLog.open(.init(path: directory.path + "/data/events.sqlite"))
            var messages = (0..<count).map { Self.deployment($0).message() }
            // Each of these is handled alone, and holds up none of the others.
            messages[300] = Message(metadata: [Event.typeKey: "commitDeployed"], payload: Array("no event".utf8))
            messages[301] = Message(metadata: [Event.typeKey: "somethingNew"], payload: [])
            messages[302].metadata[HandledOnLog.key] = DeploymentsRoute.name
            // One that is told twice.
            messages[900] = messages[899]
            try await log.publisher().publish(messages, to: "events")
            await log.close()

            try await withGateway(in: directory, grafana: grafana) { gateway in
                let route = ["handler_name": DeploymentsRoute.name]
                func outcome(_ name: String, _ metrics: Exposition) -> Double? {
                    metrics.value("sluice_deliveries_total", route.merging(["outcome": name]) { $1 })
                }
                try await eventually("the route is through") {
                    try await gateway.client.metric("sluice_consumer_lag_messages", route) == 0
                }
                let metrics = try await gateway.client.metrics()
                #expect(outcome("acked", metrics) == Double(count - 2))
                #expect(outcome("poisoned", metrics) == 1 && outcome("deduplicated", metrics) == 1)
                #expect(metrics.value("sluice_unaccounted_messages", route) == 0)
                #expect(
                    metrics.value(
                        "sluice_deployments_total",
                        ["service": "hello", "environment": "production", "result": "success"]) == Double(count - 4))
                // What is handled as one is timed as one; what was split from the one without an event was handled alone.
                let handled = metrics.value(
                    "handler_execution_time_seconds_count", route.merging(["success": "true"]) { $1 })
                #expect(handled.map { $0 < Double(count) / 2 } == true, "\(handled ?? -1)")
            }
        }
    }
}
