import GatewayTestSupport
import Logging
import Sluice
import SluiceMetrics
import SluicePrometheus
import SluiceTesting
import Synchronization
import Testing

@testable import SluiceGateway

/// What is counted of deployments, when, and by which gateway.
struct DeploymentVerdictTests {
    private let directory: TemporaryDirectory
    private let ledger: DeploymentLedger
    private let backend = PrometheusBackend()
    private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    private static let now = FactFixtures.time(100)

    init() throws {
        directory = try TemporaryDirectory()
        ledger = try DeploymentLedger(path: directory.path + "/deployments.sqlite", logger: Self.logger)
    }

    private func counter(
        _ backend: PrometheusBackend, _ other: DeploymentLedger? = nil, leads: @escaping @Sendable () -> Bool = { true }
    ) -> VerdictCounter {
        VerdictCounter(
            ledger: other ?? ledger, store: FactStore(path: directory.path + "/deployments.sqlite"),
            meter: DeploymentMeter(backend.instruments), pace: VerdictPace(), leads: leads, logger: Self.logger)
    }

    /// The file has what the queue had.
    private func complete() async throws {
        try await ledger.complete(after: 0)
        try await ledger.completeFacts()
    }

    private func take(_ facts: Fact...) async throws {
        try await ledger.learn(facts.compactMap { FactFixtures.received($0, at: 99) })
    }

    private func deployment(_ id: String, of number: Int, at hours: Double) -> Fact {
        .deployment(
            DeploymentFact(
                id: id, service: "hello", environment: "production", commit: FactFixtures.commit(number),
                finishedAt: FactFixtures.time(hours), succeeded: true, repository: FactFixtures.repository))
    }

    private func value(_ name: String, _ labels: [String: String] = [:], in backend: PrometheusBackend? = nil)
        -> Double?
    {
        Exposition((backend ?? self.backend).registry.exposition(.text), format: .text).value(
            name, ["service": "hello", "environment": "production"].merging(labels) { $1 })
    }

    private func deployed(_ kind: String, in backend: PrometheusBackend? = nil) -> Double? {
        value("sluice_deployments_judged_total", ["kind": kind], in: backend)
    }

    @Test func countsTenMinutesAfterTheLastFactThatChangedAVerdict() async throws {
        try await complete()
        let counter = counter(backend)
        try await counter.look(at: 0, Self.now)
        try await take(.push(FactFixtures.push(1...1, at: 1)), deployment("a", of: 1, at: 2))
        try await take(.push(FactFixtures.push(2...3, at: 3)), deployment("b", of: 3, at: 4))
        try await counter.look(at: 60, Self.now)
        try await counter.look(at: 600, Self.now)
        #expect(deployed("forward") ?? 0 == 0)
        // It is rolled back before it was counted.
        try await take(deployment("c", of: 1, at: 5))
        try await counter.look(at: 601, Self.now)
        try await counter.look(at: 661, Self.now)
        #expect(deployed("baseline") == 1)
        #expect(deployed("forward") == 1)
        #expect(value("sluice_change_lead_time_seconds_count") == 2)
        #expect(value("sluice_change_lead_time_seconds_sum") == 10_800)
        #expect(deployed("rollback") == 0)
        #expect(value("sluice_deployment_failures_total") == 0)
        try await counter.look(at: 1_201, Self.now)
        #expect(deployed("rollback") == 1)
        #expect(value("sluice_deployment_failures_total") == 1)
        #expect(value("sluice_failed_deployment_recovery_seconds_sum") == 3_600)
        #expect(value("sluice_deployment_rework_total") == 1)
        try await counter.look(at: 9_999, Self.now)
        #expect(deployed("forward") == 1)
    }

    @Test func aFileThatWasMadeAgainCountsNothing() async throws {
        let counter = counter(backend)
        try await take(.push(FactFixtures.push(1...1, at: 1)), deployment("a", of: 1, at: 2))
        // The queue is still being read.
        try await counter.look(at: 0, Self.now)
        try await take(.push(FactFixtures.push(2...3, at: 3)), deployment("b", of: 3, at: 4))
        try await complete()
        try await counter.look(at: 1_000, Self.now)
        try await counter.look(at: 2_000, Self.now)
        #expect(deployed("forward") ?? 0 == 0)
        // What comes now is counted.
        try await take(.push(FactFixtures.push(4...4, at: 5)), deployment("c", of: 4, at: 6))
        try await counter.look(at: 3_000, Self.now)
        try await counter.look(at: 3_600, Self.now)
        #expect(deployed("forward") == 1)
    }

    /// Two processes on one log have one file.
    @Test func oneThatTakesOverCountsWhatTheOtherHadNotCounted() async throws {
        try await complete()
        let firstLeads = Mutex(true)
        let other = PrometheusBackend()
        let first = counter(backend) { firstLeads.withLock(\.self) }
        let file = try DeploymentLedger(path: directory.path + "/deployments.sqlite", logger: Self.logger)
        let second = counter(other, file) { firstLeads.withLock { !$0 } }
        for counter in [second, first] { try await counter.look(at: 0, Self.now) }
        try await take(deployment("a", of: 1, at: 2))
        // What the one that does not lead sees first is the other's to count.
        for clock: Int64 in [1, 700] {
            for counter in [second, first] { try await counter.look(at: clock, Self.now) }
        }
        #expect(deployed("baseline") == 1)
        #expect(deployed("baseline", in: other) ?? 0 == 0)
        try await take(deployment("b", of: 2, at: 3))
        for counter in [second, first] { try await counter.look(at: 701, Self.now) }
        firstLeads.withLock { $0 = false }
        for counter in [first, second] { try await counter.look(at: 1_400, Self.now) }
        #expect(deployed("forward", in: other) == 1)
        #expect(deployed("baseline", in: other) ?? 0 == 0)
        #expect(deployed("forward") ?? 0 == 0)
    }

    @Test func whatWasDeployedLongAgoIsNotCountedAnyMore() async throws {
        try await complete()
        let counter = counter(backend)
        let now = FactFixtures.time(24 * 200 + 12)
        try await counter.look(at: 0, now)
        try await take(deployment("a", of: 1, at: 2), deployment("b", of: 2, at: 50))
        for clock: Int64 in [1, 700] { try await counter.look(at: clock, now) }
        #expect(deployed("baseline") ?? 0 == 0)
        #expect(deployed("forward") == 1)
    }

    @Test func aRestartCountsNothingTwice() async throws {
        try await complete()
        let first = counter(backend)
        try await first.look(at: 0, Self.now)
        try await take(deployment("a", of: 1, at: 2))
        try await first.look(at: 1, Self.now)
        try await first.look(at: 700, Self.now)
        #expect(deployed("baseline") == 1)
        let other = PrometheusBackend()
        let second = counter(other)
        try await second.look(at: 0, Self.now)
        try await second.look(at: 700, Self.now)
        #expect(deployed("baseline", in: other) ?? 0 == 0)
    }
}
