import Foundation
import GatewayTestSupport
import Logging
import Sluice
import SluiceTesting
import Testing

@testable import SluiceGateway

/// A ledger that has been kept for long.
struct ManyFactsTests {
    /// A million commits with `make soak`, a hundredth without.
    @Test(.timeLimit(.minutes(20)))
    func manyFactsAreReadAtOnce() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/deployments.sqlite"
        let ledger = try DeploymentLedger(path: path, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let pushes = Soak.count(100_000)
        for start in stride(from: 0, to: pushes, by: 500) {
            let facts = (start..<min(start + 500, pushes)).compactMap { number in
                FactFixtures.received(
                    .push(FactFixtures.push(number * 10 + 1...number * 10 + 10, at: Double(number) / 100)), at: 1_000)
            }
            try await ledger.learn(facts)
        }
        let clock = ContinuousClock()
        var commits = 0
        let store = FactStore(path: path)
        let whole = try clock.measure {
            try store.forEach { fact in
                if case .push(let push) = fact { commits += push.commits.count }
            }
        }
        #expect(commits == pushes * 10)
        var part = 0
        let span = try clock.measure {
            part = try store.facts(since: FactFixtures.time(1), until: FactFixtures.time(2)).count
        }
        #expect(part == 100)
        print("\(commits) commits were read in \(whole), a span of \(part) pushes in \(span)")
    }
}
