import Foundation
import GRDB
import GatewayTestSupport
import Logging
import ServiceLifecycle
import Sluice
import SluiceMetrics
import SluicePrometheus
import SluiceTesting
import Testing

@testable import SluiceGateway

extension EndToEnd {
    /// What several gateways on one Kafka count together.
    struct CountingTests {
        /// A gateway that may end without a word.
        private final class Mortal: Sendable {
            let client: GatewayClient
            let store: FactStore
            private let backend: PrometheusBackend
            private let gateway: Gateway
            private let running: Task<Void, Never>

            init(in directory: TemporaryDirectory, _ kafka: KafkaForTests, _ grafana: FakeGrafana) async throws {
                var configuration = testConfiguration(in: directory, grafana: grafana, slack: nil)
                kafka.use(in: &configuration)
                configuration.pace.verdicts.interval = .milliseconds(300)
                configuration.pace.verdicts.patience = .seconds(3)
                let backend = PrometheusBackend()
                let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
                let gateway = try Gateway(configuration, backend: backend, logger: logger)
                let group = ServiceGroup(
                    configuration: ServiceGroupConfiguration(
                        services: gateway.services.map { .init(service: $0) }, logger: logger))
                (self.backend, self.gateway) = (backend, gateway)
                running = Task { try? await group.run() }
                client = GatewayClient(
                    webhooksPort: try await gateway.webhooksPort, metricsPort: try await gateway.metricsPort,
                    secret: nil)
                store = FactStore(path: directory.path + "/data/deployments.sqlite")
                try await client.waitUntilReady()
            }

            func end() async {
                running.cancel()
                await running.value
                await gateway.close()
            }

            func counted(_ kind: String) -> Double {
                Exposition(backend.registry.exposition(.text), format: .text).samples
                    .filter { $0.name == "sluice_deployments_judged_total" && $0["kind"] == kind }
                    .reduce(0) { $0 + $1.value }
            }

            var isCounting: Bool {
                get throws {
                    try store.read { database, _ in
                        try Bool.fetchOne(database, sql: "SELECT EXISTS (SELECT 1 FROM verdicts_shared)") ?? false
                    }
                }
            }
        }

        private static let services = (0..<6).map { "service-\($0)" }

        /// Each service is deployed once more.
        private func deploy(_ round: Int, by client: GatewayClient) async throws {
            for service in Self.services {
                var commit = StubCommit()
                commit.time = RFC3339.format(.now())
                #expect(try await client.push([commit], repository: "octo/\(service)").status == 202)
                let body =
                    #"{"commit_id":"\#(commit.id)","env":"production","timestamp":"\#(RFC3339.format(.now()))","service":"\#(service)","id":"\#(round)"}"#
                #expect(try await client.send("POST", "/webhooks/deployments", body: Array(body.utf8)).status == 202)
            }
        }

        /// The leader dies while deployments ripen: what it had counted is not counted again, and what it had not is.
        @Test(.timeLimit(.minutes(10)))
        func whatTwoGatewaysCountIsCountedOnceWhenOneIsKilled() async throws {
            let grafana = try FakeGrafana()
            let directories = [try TemporaryDirectory(), try TemporaryDirectory()]
            let kafka = try KafkaForTests(realGroups: true)
            let one = try await Mortal(in: directories[0], kafka, grafana)
            let other = try await Mortal(in: directories[1], kafka, grafana)
            func counted(_ kind: String) -> Double { one.counted(kind) + other.counted(kind) }
            try await eventually("both know what was before") { try one.isCounting && other.isCounting }
            try await deploy(1, by: one.client)
            let count = Double(Self.services.count)
            try await eventually("all are counted", within: .seconds(90)) { counted("baseline") >= count }
            let (leader, heir) = one.counted("baseline") > 0 ? (one, other) : (other, one)
            #expect(heir.counted("baseline") == 0, "one counts for both")
            try await deploy(2, by: heir.client)
            try await eventually("both ledgers have all") {
                try [one, other].allSatisfy { try $0.store.facts().count { $0.kind == .deployment } == 12 }
            }
            await leader.end()
            try await eventually("the other goes on", within: .seconds(90)) { counted("forward") >= count }
            try await deploy(3, by: heir.client)
            try await eventually("what came since, too", within: .seconds(90)) { counted("forward") >= 2 * count }
            #expect(counted("baseline") == count)
            #expect(counted("forward") == 2 * count)
            #expect(heir.counted("baseline") == 0)
            await heir.end()
        }
    }
}
