import Foundation
import GatewayTestSupport
import Sluice
import SluicePrometheus
import SluiceTesting
import Testing

@testable import SluiceGateway

extension EndToEnd {
    /// A file that can be made again keeps the gateway from nothing.
    struct DamagedFileTests {
        private let place = ["service": "hello", "environment": "production"]

        /// On the log and on Kafka: nothing is counted twice, and what was known before is known again.
        @Test(.timeLimit(.minutes(10)), arguments: [false, true], [LedgerDamage.garbage, .overwritten, nil])
        func theDeploymentsAreMadeAgainFromTheQueue(_ onKafka: Bool, _ damage: LedgerDamage?) async throws {
            let (grafana, directory) = (try FakeGrafana(), try TemporaryDirectory())
            let kafka = onKafka ? try KafkaForTests(realGroups: true) : nil
            var recent = StubCommit()
            // Older commits have no lead time.
            recent.time = RFC3339.format(.now())
            let commit = recent
            func deployed(_ env: String) -> [UInt8] {
                let time = RFC3339.format(.now())
                return Array(
                    #"{"commit_id":"\#(commit.id)","env":"\#(env)","timestamp":"\#(time)","service":"hello"}"#.utf8)
            }
            try await withGateway(in: directory, grafana: grafana) {
                kafka?.use(in: &$0)
            } _: { gateway in
                #expect(try await gateway.client.push([commit]).status == 202)
                #expect(
                    try await gateway.client.send("POST", "/webhooks/deployments", body: deployed("production")).status
                        == 202)
                try await eventually("the deployment is counted, and nothing waits") {
                    let metrics = try await gateway.client.metrics()
                    return metrics.value("sluice_deployments_total", place.merging(["result": "success"]) { $1 }) == 1
                        && metrics.value(
                            "sluice_deliveries_total", ["handler_name": "log-to-metrics", "outcome": "acked"]) == 2
                }
            }
            let path = directory.path + "/data/deployments.sqlite"
            if let damage {
                try damage.apply(to: path)
            } else {
                for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) }
            }
            try await withGateway(in: directory, grafana: grafana) {
                kafka?.use(in: &$0)
            } _: { gateway in
                try await eventually("the deployment is known again") {
                    try await gateway.client.metric("sluice_last_deployment_timestamp_seconds", place) ?? 0 > 0
                }
                let ready = try await gateway.client.ready()
                #expect(ready.status == 200)
                #expect(
                    ready.text.contains("made again from 2 events of the queue") == (damage != nil), "\(ready.text)")
                #expect(
                    try await gateway.client.metric(
                        "sluice_deployments_total", place.merging(["result": "success"]) { $1 }) == 0)
                #expect(
                    try await gateway.client.send("POST", "/webhooks/deployments", body: deployed("staging")).status
                        == 202)
                try await eventually("a deployment with its lead time") {
                    try await gateway.client.metric(
                        "sluice_deployment_lead_time_seconds_count",
                        ["service": "hello", "environment": "staging"]) == 1
                }
            }
        }

        @Test func aDamagedLogIsRefusedWithAClearLine() async throws {
            let directory = try TemporaryDirectory()
            try FileManager.default.createDirectory(
                atPath: directory.path + "/data", withIntermediateDirectories: true)
            let path = directory.path + "/data/events.sqlite"
            try Data(repeating: 0x5A, count: 40_000).write(to: URL(fileURLWithPath: path))
            let process = try SluiceProcess([:], in: directory)
            #expect(try await process.exitStatus() != 0)
            #expect(process.errors.contains("events.sqlite is not a Sluice log and was left untouched"))
            #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data(repeating: 0x5A, count: 40_000))
        }
    }
}
