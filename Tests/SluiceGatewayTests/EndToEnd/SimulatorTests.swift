import Foundation
import GatewayTestSupport
import SluiceTesting
import Testing

@testable import SluiceGateway

extension EndToEnd {
    struct SimulatorTests {
        @Test func aPushIsDeployedToStagingAndProductionAcrossARestart() async throws {
            let (grafana, slack, directory) = (try FakeGrafana(), try FakeSlack(), try TemporaryDirectory())
            func configure(_ configuration: inout GatewayConfiguration) {
                var simulator = GatewayConfiguration.Simulator()
                simulator.stagingDelay = .seconds(1)
                simulator.productionDelay = .seconds(2)
                configuration.simulator = simulator
            }
            func deployments(_ environment: String) -> [FakeGrafana.Annotation] {
                grafana.annotations.filter { $0.tags.first == "deploy-\(environment)" }
            }
            let commits = [StubCommit(), StubCommit(), StubCommit()]
            var (pushed, accepted) = (Int64(0), Int64(0))
            func now() -> Int64 { Int64(Date().timeIntervalSince1970 * 1_000) }
            // The first stop falls into the wait for staging, the second into the wait for production.
            try await withGateway(in: directory, grafana: grafana, slack: slack, configure: configure) { gateway in
                pushed = now()
                #expect(try await gateway.client.push(commits).status == 202)
                accepted = now()
                try await eventually("the pushes") { grafana.annotations.count == 3 }
            }
            try await withGateway(in: directory, grafana: grafana, slack: slack, configure: configure) { _ in
                try await eventually("staging") { deployments("staging").count == 3 }
            }
            try await withGateway(in: directory, grafana: grafana, slack: slack, configure: configure) { _ in
                try await eventually("production") {
                    deployments("production").count == 3 && slack.posts.count == 9
                }
            }
            for (environment, delay) in [("staging", Int64(1_000)), ("production", 2_000)] {
                let found = deployments(environment)
                #expect(
                    Set(found.map(\.text)) == Set(commits.map { "Commit \($0.id) deployed to \(environment)" }))
                for annotation in found {
                    #expect(annotation.tags.contains(Stub.repository))
                    #expect((pushed + delay...accepted + delay).contains(annotation.time))
                }
            }
            #expect(grafana.annotations.count == 9)
            #expect(Set(slack.texts).count == 9)
        }
    }
}
