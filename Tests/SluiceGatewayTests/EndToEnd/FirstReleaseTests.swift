import Foundation
import GatewayTestSupport
import Sluice
import SluiceTesting
import Testing

@testable import SluiceGateway

extension EndToEnd {
    /// What a data directory of the first release becomes.
    @Suite(.timeLimit(.minutes(10)))
    struct FirstReleaseTests {
        private let directory: TemporaryDirectory
        private var data: String { directory.path + "/data" }

        init() throws {
            directory = try TemporaryDirectory()
            try FirstReleaseDirectory.write(in: directory.path + "/data")
        }

        @Test func theUpgradeCountsNothingTwiceAndMissesNothing() async throws {
            let (grafana, slack) = (try FakeGrafana(), try FakeSlack())
            let place = ["service": "hello", "environment": "production"]
            let success = place.merging(["result": "success"]) { $1 }
            for isFirst in [true, false] {
                try await withGateway(in: directory, grafana: grafana, slack: slack) {
                    $0.pace.verdicts.interval = .milliseconds(300)
                    $0.pace.verdicts.patience = .seconds(1)
                } _: { gateway in
                    let counted: Double = isFirst ? 1 : 0
                    try await eventually("what was not counted is") {
                        let metrics = try await gateway.client.metrics()
                        return metrics.value("sluice_deployments_total", success) ?? 0 == counted
                            && metrics.value("sluice_consumer_lag_messages", ["handler_name": "log-to-metrics"]) == 0
                    }
                    // What was so before is told once, by the events.
                    let facts = try FactStore(path: data + "/deployments.sqlite").facts()
                    #expect(facts.count == 6)
                    #expect(
                        facts.compactMap { if case .deployment(let deployment) = $0 { deployment.commit } else { nil } }
                            == FirstReleaseDirectory.deployments.map(\.commit))
                }
            }
            #expect(grafana.annotations.isEmpty && slack.posts.isEmpty)
            var tool = ReportTool()
            tool.since = FactFixtures.time(0)
            tool.format = .csv
            let report = String(decoding: try await tool.run(.directory(data)), as: UTF8.self)
            #expect(report.contains("hello") && report.contains("production"), "\(report)")
        }

        @Test func whatLiesInThePoisonQueueIsListed() async throws {
            func check() async throws {
                let list = try await PoisonTool(directory: data).list(PoisonFilter(), asJSON: false)
                #expect(list.contains("2 messages of 1 cause"), "\(list)")
                #expect(list.contains("log-to-slack") && list.contains("slack answered invalid_blocks"), "\(list)")
            }
            // Before anything has migrated it, and afterwards.
            try await check()
            let slack = try FakeSlack()
            try await withGateway(in: directory, slack: slack) { _ in try await check() }
            try await check()
        }
    }
}
