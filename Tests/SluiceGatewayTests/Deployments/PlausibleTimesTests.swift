import Foundation
import GRDB
import GatewayTestSupport
import Logging
import Sluice
import SluiceTesting
import Testing

@testable import SluiceGateway

/// Times are hours since 2026-01-01T00:00:00Z, when everything is heard of unless a test says otherwise.
struct PlausibleTimesTests {
    private static let start: Int64 = 1_767_225_600_000
    private let directory: TemporaryDirectory
    private let ledger: DeploymentLedger
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    init() throws {
        directory = try TemporaryDirectory()
        ledger = try DeploymentLedger(path: directory.path + "/deployments.sqlite", logger: logger)
    }

    private static func time(_ hours: Int64) -> Timestamp {
        Timestamp(millisecondsSince1970: start + hours * 3_600_000)
    }

    @discardableResult
    private func push(
        _ commit: String, at time: Timestamp, _ repository: String = "octo/hello", heard: Int64 = 1
    ) async throws -> DeploymentLedger.Entry? {
        let event = Event.commitPushed(
            CommitPushed(id: commit, message: "", author: "a", occurredOn: time, repository: repository))
        return try await ledger.record(event, id: event.messageID, receivedAt: Self.time(heard))
    }

    private func deploy(
        _ commit: String, at time: Timestamp, _ repository: String? = "octo/hello", succeeded: Bool = true,
        heard: Int64 = 10, environment: String = "production"
    ) async throws -> DeploymentLedger.Entry? {
        let deployment = Deployment(
            id: commit, env: environment, occurredOn: time, service: "hello", repository: repository)
        let event = succeeded ? Event.commitDeployed(deployment) : .deploymentFailed(deployment)
        return try await ledger.record(event, id: event.messageID, receivedAt: Self.time(heard))
    }

    private static let implausible: [Timestamp] =
        [
            "0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "1970-01-21T10:55:23Z", "1989-12-31T23:59:59Z",
            "2026-01-02T10:00:01Z", "2027-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
        ].compactMap(RFC3339.parse) + [
            Timestamp(millisecondsSince1970: .min), Timestamp(millisecondsSince1970: .max),
        ]

    @Test(arguments: implausible)
    func aDeploymentWhoseTimeIsNotBelievedEntersNoFigure(time: Timestamp) async throws {
        try await push("feed1234", at: Self.time(0))
        #expect(try await deploy("feed1234", at: Self.time(2))?.leadTime == .seconds(7_200))
        #expect(try await deploy("aaaa1234", at: Self.time(3), succeeded: false) != nil)
        // A failure of the year 9999 is no reason to wait, and one of 1970 no outage of 56 years.
        #expect(try await deploy("bbbb1234", at: time, succeeded: false)?.isPlausible == false)
        let entry = try #require(try await deploy("feed1234", at: time))
        #expect(entry == DeploymentLedger.Entry(gap: .implausibleTime, isPlausible: false))
        #expect(try await deploy("feed1234", at: time) == nil)
        #expect(try await ledger.latest(limit: 10).map(\.at) == [Self.time(2)])
        // It stands in no other deployment's way.
        #expect(try await deploy("cccc1234", at: Self.time(4))?.timeToRestore == .seconds(3_600))
    }

    @Test func aServiceWithoutAnyBelievableTimeIsNotKnown() async throws {
        _ = try await deploy("feed1234", at: try #require(RFC3339.parse("9999-01-01T00:00:00Z")))
        #expect(try await ledger.latest(limit: 10).isEmpty)
        _ = try await deploy("feed1234", at: Self.time(1), succeeded: false)
        let latest = try await ledger.latest(limit: 10)
        #expect(latest.map(\.service) == ["hello"] && latest.map(\.at) == [nil])
    }

    @Test(arguments: implausible)
    func aCommitWhoseTimeIsNotBelievedWasPushedWhenItWasHeardOf(time: Timestamp) async throws {
        try await push("feed1234", at: time, heard: 1)
        #expect(try await deploy("feed1234", at: Self.time(3))?.leadTime == .seconds(7_200))
    }

    @Test func commitsOlderThan60DaysAreSetApart() async throws {
        try await push("aaaa1234", at: Self.time(-60 * 24 + 2))
        try await push("bbbb1234", at: Self.time(-60 * 24 + 1))
        #expect(try await deploy("aaaa1234", at: Self.time(2))?.leadTime == .seconds(60 * 86_400))
        #expect(try await deploy("bbbb1234", at: Self.time(2)) == DeploymentLedger.Entry(gap: .oldCommit))
    }

    @Test(arguments: ["feed", "feed1", "feed12"])
    func fewerThan7DigitsMatchNoCommit(hash: String) async throws {
        try await push("feed123400000000000000000000000000000000", at: Self.time(0))
        #expect(try await deploy(hash, at: Self.time(2))?.gap == .shortHash)
        #expect(try await deploy(hash, at: Self.time(2), nil)?.gap == .shortHash)
        #expect(try await deploy("feed123", at: Self.time(2))?.leadTime == .seconds(7_200))
    }

    @Test func aShortenedHashIsLookedForInItsOwnRepository() async throws {
        let (one, other) = (
            "feed1234" + String(repeating: "0", count: 32), "feed1234" + String(repeating: "1", count: 32)
        )
        try await push(one, at: Self.time(0), "octo/hello")
        try await push(other, at: Self.time(1), "octo/other")
        #expect(try await deploy("feed1234", at: Self.time(2), "Octo/Hello")?.leadTime == .seconds(7_200))
        #expect(try await deploy("feed1234", at: Self.time(2), "octo/other")?.leadTime == .seconds(3_600))
        #expect(try await deploy("feed1234", at: Self.time(2), "octo/third")?.gap == .unknownCommit)
        #expect(try await deploy("feed1234", at: Self.time(2), nil)?.gap == .ambiguousHash)
        // All of a hash names one commit wherever it is.
        #expect(try await deploy(one, at: Self.time(2), "fork/hello")?.leadTime == .seconds(7_200))
        #expect(try await deploy("feed1235", at: Self.time(2))?.gap == .unknownCommit)
    }

    @Test func aDeploymentBeforeItsCommitHasNoLeadTime() async throws {
        try await push("feed1234", at: Self.time(5), heard: 6)
        #expect(try await deploy("feed1234", at: Self.time(2))?.gap == .beforePush)
    }

    @Test func aLedgerOfTheFirstReleaseIsMigrated() async throws {
        let path = directory.path + "/old.sqlite"
        do {
            let database = try DatabaseQueue(path: path)
            try await database.write { database in
                try database.execute(
                    sql: """
                        CREATE TABLE grdb_migrations (identifier TEXT NOT NULL PRIMARY KEY);
                        INSERT INTO grdb_migrations VALUES ('1'), ('2');
                        CREATE TABLE pushes (
                            commit_id TEXT NOT NULL, repository TEXT NOT NULL, pushed_at INTEGER NOT NULL,
                            PRIMARY KEY (commit_id, repository)
                        ) WITHOUT ROWID;
                        CREATE TABLE deployments (
                            event_id TEXT NOT NULL PRIMARY KEY, service TEXT NOT NULL, environment TEXT NOT NULL,
                            commit_id TEXT NOT NULL, deployed_at INTEGER NOT NULL,
                            succeeded INTEGER NOT NULL DEFAULT 1
                        ) WITHOUT ROWID;
                        CREATE INDEX deployments_in_time
                            ON deployments (service, environment, succeeded, deployed_at);
                        INSERT INTO pushes VALUES ('feed1234', 'octo/hello', 0);
                        INSERT INTO deployments VALUES
                            ('a', 'hello', 'production', 'feed1234', 1767225600000, 1),
                            ('b', 'hello', 'production', 'feed1234', 253402300799000, 1),
                            ('c', 'hello', 'production', 'feed1234', 0, 0),
                            ('d', X'FF', 'production', 'feed1234', 'soon', 1);
                        """)
            }
            try database.close()
        }
        let old = try DeploymentLedger(path: path, logger: logger)
        let latest = try await old.latest(limit: 10)
        #expect(latest.filter { $0.service == "hello" }.map(\.at) == [Self.time(0)])
        let deployed = Event.commitDeployed(
            Deployment(
                id: "feed1234", env: "production", occurredOn: Self.time(1), service: "hello", repository: "octo/hello")
        )
        let entry = try await old.record(deployed, id: deployed.messageID, receivedAt: Self.time(2))
        #expect(entry == DeploymentLedger.Entry(gap: .unknownCommit))
    }
}
