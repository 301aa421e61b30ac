import Foundation
import GRDB
import GatewayTestSupport
import Logging
import Sluice
import SluiceTesting
import Testing

@testable import SluiceGateway

/// What can be wrong with the file of deployments.
enum LedgerDamage: CaseIterable {
    case garbage, cut, overwritten, directory, foreignTables, missingColumn

    func apply(to path: String) throws {
        let url = URL(fileURLWithPath: path)
        for suffix in ["-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) }
        var bytes = try Data(contentsOf: url)
        switch self {
        case .garbage: try Data((0..<40_000).map { _ in UInt8.random(in: .min ... .max) }).write(to: url)
        case .cut: try bytes.prefix(bytes.count / 2).write(to: url)
        case .overwritten:
            bytes.replaceSubrange(4_096..<bytes.count, with: Data(repeating: 0x5A, count: bytes.count - 4_096))
            try bytes.write(to: url)
        case .directory:
            try FileManager.default.removeItem(at: url)
            try FileManager.default.createDirectory(at: url, withIntermediateDirectories: false)
        case .foreignTables:
            try FileManager.default.removeItem(at: url)
            try DatabaseQueue(path: path).write { try $0.execute(sql: "CREATE TABLE pushes (something TEXT)") }
        case .missingColumn:
            try DatabaseQueue(path: path).write {
                try $0.execute(sql: "ALTER TABLE pushes RENAME COLUMN repository TO elsewhere")
            }
        }
    }
}

struct DeploymentLedgerTests {
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    private let commit = "33aa44bb55cc66dd77ee88ff99aa00bb11cc22dd"

    private var push: Event {
        .commitPushed(
            CommitPushed(
                id: commit, message: "m", author: "a", occurredOn: Timestamp(millisecondsSince1970: 1_767_225_601_000)))
    }

    private var deployment: Event {
        .commitDeployed(
            Deployment(
                id: commit, env: "staging", occurredOn: Timestamp(millisecondsSince1970: 1_767_225_661_000),
                service: "a"))
    }

    private func files(_ directory: TemporaryDirectory) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory.path).filter { $0.contains("damaged") }.sorted()
    }

    @Test(arguments: LedgerDamage.allCases)
    func aFileThatCannotBeUsedIsSetAsideAndMadeAgain(_ damage: LedgerDamage) async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/deployments.sqlite"
        do {
            let ledger = try DeploymentLedger(path: path, logger: logger)
            #expect(try await ledger.record(push, id: MessageID("1")) != nil)
            try await ledger.complete(after: 1)
        }
        try await DatabaseQueue(path: path).writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
        try damage.apply(to: path)
        let ledger = try DeploymentLedger(path: path, logger: logger)
        #expect(try await ledger.needsRefill)
        var readiness = Readiness()
        ledger.report(to: &readiness)
        let aside = try #require(try files(directory).first)
        #expect(readiness.notes.count == 1 && readiness.notes[0].contains(aside), "\(readiness.notes)")
        #expect(readiness.reasons.isEmpty)
        try await ledger.learn([(push, MessageID("1"))])
        try await ledger.complete(after: 1)
        #expect(try await ledger.needsRefill == false)
        #expect(try await ledger.record(deployment, id: MessageID("2"))?.leadTime == .seconds(60))
        #expect(try DeploymentLedger(path: path, logger: logger).wasReplaced == false)
    }

    @Test func aFileOfANewerVersionIsRefusedAndLeftAsItIs() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/deployments.sqlite"
        _ = try DeploymentLedger(path: path, logger: logger)
        try DatabaseQueue(path: path).write {
            try $0.execute(sql: "INSERT INTO grdb_migrations (identifier) VALUES ('9999')")
        }
        let error = #expect(throws: DeploymentLedgerError.self) { try DeploymentLedger(path: path, logger: logger) }
        #expect(error?.description.contains("a newer version of Sluice wrote it") == true)
        #expect(try files(directory).isEmpty)
    }

    @Test func damageThatIsFoundInUseReplacesTheFileToo() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/deployments.sqlite"
        let ledger = try DeploymentLedger(path: path, logger: logger)
        // More than SQLite keeps in memory.
        let pushes = (0..<40_000).map { number in
            let id = String(format: "%040x", number &* 2_654_435_761 & 0xFFFF_FFFF)
            return (
                Event.commitPushed(
                    CommitPushed(
                        id: id, message: "m", author: "a",
                        occurredOn: Timestamp(millisecondsSince1970: 1_767_225_601_000),
                        repository: "octo/hello")),
                MessageID("\(number)")
            )
        }
        try await ledger.learn(pushes)
        try await ledger.complete(after: pushes.count)
        try await DatabaseQueue(path: path).writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
        let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
        let size = try file.seekToEnd()
        try file.seek(toOffset: 4_096)
        try file.write(contentsOf: Data(repeating: 0x5A, count: Int(size) - 4_096))
        try file.close()
        let error = await #expect(throws: DeploymentLedgerError.self) {
            for (push, id) in pushes { _ = try await ledger.record(push, id: id) }
        }
        #expect(error?.canBeMadeAgain == true)
        #expect(ledger.wasReplaced)
        #expect(try files(directory).contains { !$0.hasSuffix("-wal") && !$0.hasSuffix("-shm") })
        try await ledger.learn(pushes)
        try await ledger.complete(after: pushes.count)
        #expect(!ledger.wasReplaced)
        let (push, id) = try #require(pushes.last)
        #expect(try await ledger.record(push, id: id) == nil)
    }

    @Test func onlyTheNewestFilesThatWereSetAsideAreKept() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/deployments.sqlite"
        for _ in 0..<6 {
            try Data("no database, and long enough to be looked at as one".utf8).write(to: URL(fileURLWithPath: path))
            _ = try DeploymentLedger(path: path, logger: logger)
        }
        #expect(try files(directory).filter { !$0.hasSuffix("-wal") && !$0.hasSuffix("-shm") }.count == 3)
    }
}
