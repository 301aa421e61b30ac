import Foundation
import GatewayTestSupport
import SluicePrometheus
import SluiceTestBrokers
import SluiceTesting
import Testing

@testable import SluiceGateway

extension EndToEnd {
    /// `/readyz` follows what happened last, not whether a connection stands.
    struct ReadinessOutcomeTests {
        @Test(.timeLimit(.minutes(10)))
        func aFullDiskIsToldAndItsEndIsFoundWithoutTraffic() async throws {
            let disk = try await SmallDisk()
            let grafana = try FakeGrafana()
            try await withGateway(in: disk.directory, grafana: grafana) { gateway in
                #expect(try await gateway.client.push([StubCommit()]).status == 202)
                try await disk.fill()
                try await eventually("webhooks are refused") {
                    try await gateway.client.push((0..<100).map { _ in StubCommit() }).status == 503
                }
                let answer = try await gateway.client.ready()
                #expect(answer.status == 503 && answer.text.contains("no space is left"), "\(answer.text)")
                let metrics = try await gateway.client.metrics()
                #expect(metrics.value("sluice_connection_up", ["component": "sqlite"]) == 0)
                #expect(metrics.value("sluice_sqlite_commit_failures_total", ["code": "disk_full"]) ?? 0 >= 1)
                try disk.free()
                try await gateway.client.waitUntilReady()
                #expect(
                    try await gateway.client.metric("sluice_connection_up", ["component": "sqlite"]) == 1)
                #expect(gateway.log.components(separatedBy: "the log cannot be written").count == 2)
                #expect(gateway.log.components(separatedBy: "the log can be written again").count == 2)
                #expect(try await gateway.client.push([StubCommit()]).status == 202)
            }
        }

        /// A cluster whose connections stand and that answers nothing, as one that was stopped with SIGSTOP.
        @Test(.timeLimit(.minutes(10)), arguments: [false, true])
        func aClusterThatAnswersNothingIsToldAndItsEndIsFoundWithoutTraffic(_ withTraffic: Bool) async throws {
            let (grafana, directory) = (try FakeGrafana(), try TemporaryDirectory())
            let kafka = try KafkaForTests()
            let mock = try kafka.faults()
            try await withGateway(in: directory, grafana: grafana) {
                kafka.use(in: &$0)
            } _: { gateway in
                #expect(try await gateway.client.push([StubCommit()]).status == 202)
                try mock.setRoundTrip(milliseconds: 60_000)
                if withTraffic { #expect(try await gateway.client.push([StubCommit()]).status == 503) }
                try await eventually("the reason") {
                    let answer = try await gateway.client.ready()
                    return answer.status == 503 && answer.text.contains("kafka: ")
                }
                // A scrape does not wait for brokers.
                #expect(try await gateway.client.bestScrapeTime(under: .seconds(2)) < .seconds(2))
                let metrics = try await gateway.client.metrics()
                #expect(metrics.value("sluice_connection_up", ["component": "kafka"]) == 0)
                try mock.setRoundTrip(milliseconds: 0)
                // What was asked before still waits; a connection that was lost is made again.
                try mock.takeDown()
                try mock.bringUp()
                try await gateway.client.waitUntilReady()
            }
        }
    }
}
