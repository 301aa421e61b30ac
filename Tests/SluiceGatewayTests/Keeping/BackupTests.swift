import Foundation
import GRDB
import GatewayTestSupport
import Sluice
import SluicePrometheus
import SluiceSQLite
import SluiceTesting
import Synchronization
import Testing

@testable import SluiceGateway

extension EndToEnd {
    /// A backup made under load, and a gateway that goes on from it.
    struct BackupTests {
        private static func body(_ number: Int) -> [UInt8] {
            Array(
                """
                {"commit_id": "\(String(0xabc_0000 + number, radix: 16))", "env": "production",
                 "timestamp": "2026-01-02T04:04:05.250Z", "service": "hello", "repository": "octo/hello"}
                """.utf8)
        }

        private final class Count: Sendable {
            private let state = Mutex((accepted: 0, isOver: false))
            var accepted: Int { state.withLock(\.accepted) }
            var isOver: Bool { state.withLock(\.isOver) }
            func add() { state.withLock { $0.accepted += 1 } }
            func end() { state.withLock { $0.isOver = true } }
        }

        private func rows(_ table: String, in directory: String, _ file: String) throws -> Int {
            let database = try DatabaseQueue(path: "\(directory)/\(file)")
            defer { try? database.close() }
            return try database.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM \(table)") } ?? 0
        }

        @Test func aBackupUnderLoadIsRestoredWithoutLossAndCountsNothingTwice() async throws {
            let (slack, directory) = (try FakeSlack(), try TemporaryDirectory())
            let (data, backup) = (directory.path + "/data", directory.path + "/backup/today")
            let acknowledged = try await withGateway(in: directory, slack: slack) { gateway in
                let count = Count()
                return try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        var number = 0
                        while !count.isOver {
                            let answer = try await gateway.client.send(
                                "POST", "/webhooks/deployments", body: Self.body(number))
                            number += 1
                            if answer.status == 202 { count.add() }
                        }
                    }
                    try await eventually("a load") { count.accepted >= 50 }
                    let acknowledged = count.accepted
                    let copies = try BackupTool(directory: data).run(to: backup)
                    #expect(copies.map(\.path) == [backup + "/events.sqlite", backup + "/deployments.sqlite"])
                    #expect(copies.allSatisfy { $0.bytes > 0 })
                    try await eventually("the load goes on") { count.accepted >= acknowledged + 20 }
                    count.end()
                    try await group.waitForAll()
                    return acknowledged
                }
            }
            for path in [backup, backup + "/events.sqlite", backup + "/deployments.sqlite"] {
                let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
                #expect(mode == (path == backup ? 0o700 : 0o600))
            }
            let log = try SQLiteLog.open(.init(path: backup + "/events.sqlite"))
            let events = Int(try await log.lastOffset(in: "events"))
            let waiting = Int(try await log.backlog(group: "log-to-metrics", topic: "events").messages)
            await log.close()
            #expect(events >= acknowledged)
            let known = try rows("deployments", in: backup, "deployments.sqlite")
            #expect(known >= events - waiting, "what the log has settled is in the ledger")

            // Restore.
            try FileManager.default.removeItem(atPath: data)
            try FileManager.default.moveItem(atPath: backup, toPath: data)
            let again = try FakeSlack()
            try await withGateway(in: directory, slack: again) { gateway in
                try await eventually("it has caught up") {
                    try await gateway.client.metric(
                        "sluice_consumer_lag_messages",
                        ["handler_name": "log-to-metrics", "topic": "events", "partition": "0"]) == 0
                }
                let counted = try await gateway.client.metric(
                    "sluice_deployments_total",
                    ["service": "hello", "environment": "production", "result": "success"])
                #expect(Int(counted ?? 0) == max(0, events - known), "only what the ledger did not know is counted")
            }
            #expect(try rows("deployments", in: data, "deployments.sqlite") == max(events, known))
        }
    }
}

struct BackupToolTests {
    @Test func refusesWhatItWouldReplaceAndLeavesNothingBehind() async throws {
        let directory = try TemporaryDirectory()
        let (data, target) = (directory.path + "/data", directory.path + "/backup")
        #expect(throws: ToolError.self) { _ = try BackupTool(directory: data).run(to: target) }
        try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
        #expect(throws: ToolError.self) { _ = try BackupTool(directory: data).run(to: target) }
        #expect(!FileManager.default.fileExists(atPath: target))
        let log = try SQLiteLog.open(.init(path: data + "/events.sqlite"))
        try await log.publisher().publish([Message(payload: [1])], to: "events")
        // A file of ours that is none.
        try Data("nonsense, and more than a few bytes of it".utf8).write(
            to: URL(fileURLWithPath: data + "/more.sqlite"))
        #expect(throws: SQLiteLogError.self) { _ = try BackupTool(directory: data).run(to: target) }
        #expect(!FileManager.default.fileExists(atPath: target))
        try FileManager.default.removeItem(atPath: data + "/more.sqlite")
        #expect(try BackupTool(directory: data).run(to: target).count == 1)
        let error = #expect(throws: ToolError.self) { _ = try BackupTool(directory: data).run(to: target) }
        #expect(error?.description.contains("not empty") == true)
        #expect(try FileManager.default.contentsOfDirectory(atPath: target) == ["events.sqlite"])
        let blocked = #expect(throws: ToolError.self) {
            _ = try BackupTool(directory: data).run(to: target + "/events.sqlite")
        }
        #expect([error, blocked].compactMap { $0 }.map { ExitStatus.of($0) } == [73, 73])
        await log.close()
    }

    @Test func aFaultyConfigurationEndsWith78() {
        #expect(ExitStatus.of(ConfigurationError("Throttle.rate", expected: "more than 0")) == 78)
        do {
            _ = try GatewayConfiguration(environment: ["BIND_ADDR": "nowhere"])
            Issue.record("it took the address")
        } catch {
            #expect(ExitStatus.of(error) == 78)
        }
    }
}
