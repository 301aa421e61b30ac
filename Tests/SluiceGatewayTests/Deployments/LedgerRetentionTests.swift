import Foundation
import GRDB
import GatewayTestSupport
import Logging
import Sluice
import SluiceTesting
import Testing

@testable import SluiceGateway

struct LedgerRetentionTests {
    private let directory: TemporaryDirectory
    private let ledger: DeploymentLedger
    private let start = Timestamp.now().millisecondsSince1970 - 1_000 * day

    private static let day: Int64 = 86_400_000

    init() throws {
        directory = try TemporaryDirectory()
        ledger = try DeploymentLedger(path: directory.path + "/deployments.sqlite", logger: LogRecorder().logger)
    }

    private func at(_ day: Int64) -> Timestamp { Timestamp(millisecondsSince1970: start + day * Self.day) }

    private func keeper(_ isDoubted: Bool = false) -> LedgerKeeper {
        LedgerKeeper(
            ledger: ledger, retention: .seconds(400 * 86_400), isDoubted: { isDoubted }, logger: LogRecorder().logger)
    }

    /// - Returns: whether it counts.
    @discardableResult
    private func deploy(
        _ id: String, day: Int64, service: String = "s", failed: Bool = false
    ) async throws -> DeploymentLedger.Entry? {
        let deployment = Deployment(id: "abcd", env: "production", occurredOn: at(day), service: service)
        return try await ledger.record(
            failed ? .deploymentFailed(deployment) : .commitDeployed(deployment), id: MessageID(id),
            receivedAt: at(day))
    }

    private func push(_ id: String, day: Int64) async throws -> Bool {
        try await ledger.record(
            .commitPushed(CommitPushed(id: id, message: "m", author: "a", occurredOn: at(day))), id: MessageID(id),
            receivedAt: at(day)) != nil
    }

    @Test func forgetsWhatIsOldAndCountsItOnceAllTheSame() async throws {
        for day in [0, 10, 20, 500] as [Int64] { #expect(try await deploy("d\(day)", day: day) != nil) }
        #expect(try await push("aaaa1111", day: 0))
        #expect(try await push("bbbb2222", day: 499))
        await keeper().forget(at: at(450))
        #expect(try await rows() == (1, 1))
        // The queue gives all of it once more, from its beginning.
        for day in [0, 10, 20, 500] as [Int64] { #expect(try await deploy("d\(day)", day: day) == nil) }
        #expect(!(try await push("aaaa1111", day: 0)))
        #expect(!(try await push("bbbb2222", day: 499)))
        // What is new counts, also where its push is still known.
        let entry = try await ledger.record(
            .commitDeployed(Deployment(id: "bbbb2222", env: "staging", occurredOn: at(500), service: "s")),
            id: MessageID("new"), receivedAt: at(500))
        #expect(entry?.leadTime == .seconds(86_400))
    }

    @Test func theLastDeploymentOfEachServiceStaysHoweverOld() async throws {
        try await deploy("old", day: 0, service: "quiet")
        try await deploy("older", day: -5, service: "quiet")
        try await deploy("failed", day: 3, service: "quiet", failed: true)
        await keeper().forget(at: at(900))
        let latest = try await ledger.latest(limit: 10)
        #expect(latest.map(\.at) == [at(0)])
        #expect(try await rows().deployments == 2, "and the failure since, for the time to restore")
        let entry = try await deploy("mended", day: 901, service: "quiet")
        #expect(entry?.timeToRestore == .seconds(898 * 86_400))
    }

    @Test func servicesWithoutEndHaveOne() async throws {
        for number in 0..<1_005 { try await deploy("d\(number)", day: Int64(number) / 10, service: "s\(number)") }
        await keeper().forget(at: at(900))
        #expect(try await rows().deployments == 1_000)
    }

    @Test func aClockInDoubtForgetsNothing() async throws {
        try await deploy("a", day: 0)
        try await deploy("b", day: 1)
        await keeper(true).forget(at: at(100_000))
        #expect(try await rows().deployments == 2)
    }

    private func rows() async throws -> (pushes: Int, deployments: Int) { try await ledger.counts() }
}

extension DeploymentLedger {
    fileprivate func counts() async throws -> (pushes: Int, deployments: Int) {
        try await perform { database in
            (
                try Int.fetchOne(database, sql: "SELECT count(*) FROM pushes") ?? 0,
                try Int.fetchOne(database, sql: "SELECT count(*) FROM deployments") ?? 0
            )
        }
    }
}
