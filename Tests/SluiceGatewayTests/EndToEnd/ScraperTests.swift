import Foundation
import GatewayTestSupport
import Sluice
import SluiceMetrics
import SluicePrometheus
import SluiceTesting
import Synchronization
import Testing

@testable import SluiceGateway

extension EndToEnd {
    /// Who sees a new series at 0.
    struct ScraperTests {
        private static let query = #"sluice_deployments_total{result="success"}"#

        @Test(
            .timeLimit(.minutes(10)),
            .enabled(if: MetricsTests.hasPrometheus, "needs prometheus (Debian: prometheus)"))
        func bothOfTwoServersSeeTheZeroAndAPersonTheTruth() async throws {
            // What comes too late for a server was shown all the same. A round in which that happened says nothing.
            for _ in 0..<5 where try await seesEveryScrape() { return }
            Issue.record("the machine was too busy for a scrape in each round")
        }

        /// - Returns: false when a server missed a scrape.
        private func seesEveryScrape() async throws -> Bool {
            let grafana = try FakeGrafana()
            return try await withGateway(in: try TemporaryDirectory(), grafana: grafana) { gateway in
                let client = gateway.client
                let directories = (try TemporaryDirectory(), try TemporaryDirectory())
                let servers = try [directories.0, directories.1].map { directory in
                    try PrometheusServer(in: directory) { _ in
                        """
                        global: {scrape_interval: 3s, scrape_timeout: 3s}
                        scrape_configs:
                        - {job_name: sluice, static_configs: [{targets: ["127.0.0.1:\(client.metricsPort)"]}]}
                        """
                    }
                }
                defer { for server in servers { server.stop() } }
                for server in servers {
                    try await eventually("the target is up; Prometheus said: \(server.log)") {
                        try await server.value("up{job=\"sluice\"}") == 1
                    }
                }
                let start = Date()
                let deployment = DeploymentsTests.body()
                #expect(try await client.send("POST", "/webhooks/deployments", body: deployment).status == 202)
                func own() async throws -> Double? {
                    let labels = ["result": "success"]
                    return try await client.metric("sluice_deployments_total", labels)
                }
                // A person looks as often as possible, and never sees a 0.
                var looks: [Double] = []
                try await eventually("the deployment is seen here") {
                    if let value = try await own() { looks.append(value) }
                    return looks.count >= 20
                }
                #expect(looks.allSatisfy { $0 == 1 })
                var seen: [(values: [Double]?, increase: Double?)] = []
                for server in servers {
                    try await eventually("the deployment is seen there") { try await server.value(Self.query) == 1 }
                    seen.append(
                        (
                            try await server.query(Self.query, from: start, to: Date(), step: 0.1).first?.values,
                            try await server.value("increase(\(Self.query)[1m])")
                        ))
                }
                for server in servers {
                    guard try await server.value("min_over_time(up{job=\"sluice\"}[5m])") == 1 else { return false }
                }
                for (values, increase) in seen {
                    #expect(values?.first == 0)
                    #expect(values.map { $0 == $0.sorted() } == true)
                    #expect(increase ?? 0 > 0)
                }
                return true
            }
        }
    }

    struct DeploymentMeterTests {
        private let backend = PrometheusBackend()

        private func deployment(_ service: String) -> Deployment {
            Deployment(
                id: "6113728f", env: "production", occurredOn: Timestamp(millisecondsSince1970: 1_000),
                service: service,
                repository: nil)
        }

        private func services() -> Set<String?> {
            let shown = Exposition(backend.registry.exposition(.text), format: .text)
            return Set(shown.samples.filter { $0.name == "sluice_deployments_total" }.map { $0["service"] })
        }

        @Test func deadServicesMakeRoomForNewOnes() {
            let day = Clock()
            let meter = DeploymentMeter(backend.instruments, now: { day.seconds })
            for number in 0..<100 { meter.count(deployment("dead-\(number)"), .init()) }
            meter.count(deployment("too-soon"), .init())
            #expect(services().count == 101 && services().contains("other"))
            day.advance(days: 7)
            meter.count(deployment("dead-0"), .init())
            meter.countFailure(deployment("new"))
            let now = services()
            #expect(now.count == 101 && now.contains("new") && now.contains("dead-0") && !now.contains("dead-1"))
            let text = String(decoding: backend.registry.exposition(.text), as: UTF8.self)
            #expect(!text.contains("dead-1\""))
        }

        @Test func aServiceThatIsNotDeployedForLongIsGone() {
            let day = Clock()
            let meter = DeploymentMeter(backend.instruments, now: { day.seconds })
            meter.count(deployment("dead"), .init())
            day.advance(days: 399)
            meter.count(deployment("alive"), .init())
            #expect(services() == ["dead", "alive"])
            day.advance(days: 1)
            backend.instruments.refresh()
            #expect(services() == ["alive"])
            meter.restore(.init(service: "ancient", environment: "production", at: Timestamp(millisecondsSince1970: 0)))
            #expect(services() == ["alive"])
        }
    }
}

private final class Clock: Sendable {
    private let days = Mutex<Int64>(0)

    var seconds: Int64 { days.withLock { $0 * 86_400 } }

    func advance(days more: Int64) { days.withLock { $0 += more } }
}
