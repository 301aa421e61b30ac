import Foundation
import GRDB
import GatewayTestSupport
import Glibc
import Sluice
import SluiceTesting
import Testing

@testable import SluiceGateway

@Suite(.timeLimit(.minutes(5))) struct SQLSinkTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private var path: String { directory.path + "/history.db" }

    private func sink(
        retention: Duration? = nil, path: String? = nil, onWritten: @escaping @Sendable () -> Void = {}
    ) -> SQLSink {
        var file = SQLFile(path: path ?? self.path)
        file.busyTimeout = 0.05
        return SQLSink(file, retention: retention, hold: .seconds(7), onWritten: onWritten)
    }

    private func read<Value>(_ body: (Database) throws -> Value) throws -> Value {
        let database = try DatabaseQueue(path: path)
        defer { try? database.close() }
        return try database.read(body)
    }

    private func count() throws -> Int {
        try read { try Int.fetchOne($0, sql: "SELECT count(*) FROM events") } ?? 0
    }

    private func push(_ number: Int) -> Event {
        .commitPushed(
            CommitPushed(
                id: String(0xabc0000 + number, radix: 16), message: "Message \(number)\nand more", author: "ann",
                occurredOn: Timestamp(millisecondsSince1970: 1_767_323_045_678), repository: "octo/hello",
                ref: "refs/heads/main", url: "https://example.org"))
    }

    /// Delivers, and expects a hold whose reason has this in it.
    private func expectHold(_ sink: SQLSink, _ reason: String, _ words: String) async throws {
        let error = await #expect(throws: HandlerError.self) { try await sink.deliver(SinkDelivery(push(99))) }
        #expect(error?.reason == reason)
        guard case .hold(let text, let time)? = error?.disposition.kind, time == Duration.seconds(7) else {
            Issue.record("no hold: \(error as Any)")
            return
        }
        #expect(text.contains(words) && text.contains(path), "\(text)")
    }

    @Test func everythingThatAnEventSaysIsInItsRow() async throws {
        let sink = sink()
        let delivery = SinkDelivery(push(1))
        try await sink.write([delivery], at: Timestamp(millisecondsSince1970: 1_767_400_000_000))
        try await sink.deliver(
            SinkDelivery(
                .deploymentFailed(
                    Deployment(
                        id: "feed", env: "staging", occurredOn: Timestamp(millisecondsSince1970: 0), service: "shop"))))
        await sink.close()
        let rows = try read { try Row.fetchAll($0, sql: "SELECT * FROM events ORDER BY sequence") }
        let expected: [String: DatabaseValue] = [
            "sequence": 1.databaseValue, "id": delivery.id.description.databaseValue,
            "kind": "commitPushed".databaseValue, "time": "2026-01-02T03:04:05.678Z".databaseValue,
            "recorded": "2026-01-03T00:26:40.000Z".databaseValue, "commit_id": "abc0001".databaseValue,
            "repository": "octo/hello".databaseValue, "branch": "main".databaseValue,
            "ref": "refs/heads/main".databaseValue, "author": "ann".databaseValue,
            "message": "Message 1\nand more".databaseValue, "url": "https://example.org".databaseValue,
            "service": .null, "environment": .null,
        ]
        #expect(Dictionary(uniqueKeysWithValues: rows[0].map { ($0, $1) }) == expected)
        #expect(rows[1]["service"] == "shop" && rows[1]["environment"] == "staging")
        #expect(rows[1]["kind"] == "deploymentFailed" && rows[1]["author"] == nil)
    }

    @Test func anEventThatIsDeliveredAgainIsThereOnceAlsoAfterARestart() async throws {
        let deliveries = (0..<5).map { SinkDelivery(push($0)) }
        for _ in 0..<2 {
            let sink = sink()
            for delivery in deliveries { try await sink.deliver(delivery) }
            try await sink.write(deliveries + deliveries)
            await sink.close()
            #expect(try count() == 5)
        }
    }

    @Test func theFileIsItsOwnersAlone() async throws {
        let sink = sink()
        try await sink.deliver(SinkDelivery(push(1)))
        for name in try FileManager.default.contentsOfDirectory(atPath: directory.path) {
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(directory.path)/\(name)")
            #expect(attributes[.posixPermissions] as? Int == 0o600, "\(name)")
        }
        await sink.close()
    }

    @Test func whatIsOlderThanTheRetentionGoesWithLaterWrites() async throws {
        let sink = sink(retention: .seconds(10))
        let start = Timestamp(millisecondsSince1970: 1_767_400_000_000)
        try await sink.write((0..<500).map { SinkDelivery(push($0)) }, at: start)
        for (index, left) in [301, 102, 3, 4].enumerated() {
            try await sink.write(
                [SinkDelivery(push(1_000 + index))], at: start.advanced(by: .milliseconds(10_001 + index)))
            #expect(try count() == left)
        }
        await sink.close()
    }

    // MARK: Files that cannot be used

    @Test func aDamagedFileHoldsTheSinkAndStaysAsItIs() async throws {
        let damaged = Data((0..<20_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
        try damaged.write(to: URL(fileURLWithPath: path))
        let sink = sink()
        try await expectHold(sink, "sql_damaged", "not a database")
        #expect(FileManager.default.contents(atPath: path) == damaged)
        // Mended by hand, it goes on.
        try FileManager.default.removeItem(atPath: path)
        try await sink.deliver(SinkDelivery(push(1)))
        #expect(try count() == 1)
        await sink.close()
    }

    @Test func damageInTheMiddleOfAFileHoldsTheSink() async throws {
        let first = sink()
        try await first.write((0..<2_000).map { SinkDelivery(push($0)) })
        await first.close()
        var bytes = try #require(FileManager.default.contents(atPath: path))
        bytes.replaceSubrange(8_192..<40_960, with: Data(repeating: 0xA5, count: 32_768))
        try bytes.write(to: URL(fileURLWithPath: path))
        let sink = sink()
        try await expectHold(sink, "sql_damaged", "cannot be used")
        await sink.close()
    }

    @Test func aFileOfAnotherProgramHoldsTheSink() async throws {
        let database = try DatabaseQueue(path: path)
        try await database.write { try $0.execute(sql: "CREATE TABLE events (mine TEXT)") }
        try database.close()
        let before = FileManager.default.contents(atPath: path)
        try await expectHold(sink(), "sql_foreign", "another program")
        #expect(FileManager.default.contents(atPath: path) == before)
    }

    @Test func aFileOfANewerVersionIsRefusedAndStaysAsItIs() async throws {
        let first = sink()
        try await first.deliver(SinkDelivery(push(1)))
        await first.close()
        let database = try DatabaseQueue(path: path)
        try await database.writeWithoutTransaction { try $0.execute(sql: "PRAGMA user_version = 99") }
        try database.close()
        try await expectHold(sink(), "sql_newer", "schema 99")
        #expect(try count() == 1)
    }

    @Test func tablesThatSomebodyChangedHoldTheSink() async throws {
        let first = sink()
        try await first.deliver(SinkDelivery(push(1)))
        await first.close()
        let database = try DatabaseQueue(path: path)
        try await database.write { try $0.execute(sql: "DROP TABLE events") }
        try database.close()
        let sink = sink()
        try await expectHold(sink, "sql_failed", "no such table")
        await sink.close()
    }

    @Test func aDirectoryThatIsMissingHoldsTheSink() async throws {
        let path = directory.path + "/none/history.db"
        let error = await #expect(throws: HandlerError.self) {
            try await sink(path: path).deliver(SinkDelivery(push(1)))
        }
        #expect(error?.reason == "sql_cannot_open" && error?.description.contains("No such file") == true)
        #expect(!FileManager.default.fileExists(atPath: directory.path + "/none"))
    }

    @Test func aFileThatAnotherProgramHoldsIsTriedAgain() async throws {
        let sink = sink()
        try await sink.deliver(SinkDelivery(push(1)))
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        let other = try DatabaseQueue(path: path, configuration: configuration)
        try await other.writeWithoutTransaction { try $0.execute(sql: "BEGIN IMMEDIATE") }
        let error = await #expect(throws: HandlerError.self) { try await sink.deliver(SinkDelivery(push(2))) }
        #expect(error?.reason == "sql_busy" && error?.disposition == .retry())
        try await other.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") }
        try await sink.deliver(SinkDelivery(push(2)))
        #expect(try count() == 2)
        await sink.close()
    }

    @Test func aFullDiskHoldsTheSinkUntilThereIsRoom() async throws {
        let sink = sink()
        try await sink.deliver(SinkDelivery(push(1)))
        await sink.close()
        // SQLite's own bound stands for the disk's: it is the same error.
        let error = SQLSinkError(DatabaseError(resultCode: .SQLITE_FULL, message: "full"), path: path)
        #expect(error.handlerError(hold: .seconds(7)).reason == "sql_full")
        #expect(!error.isPassing)
    }

    @Test func aFileThatIsPutInItsPlaceIsTakenUp() async throws {
        let sink = sink()
        try await sink.deliver(SinkDelivery(push(1)))
        for suffix in ["", "-wal", "-shm"] { unlink(path + suffix) }
        try await sink.deliver(SinkDelivery(push(2)))
        await sink.close()
        #expect(try read { try String.fetchAll($0, sql: "SELECT commit_id FROM events") } == ["abc0002"])
    }

    @Test func connectingLooksAndMakesNothing() async throws {
        let parts = SinkParts(name: "history", hold: .seconds(1)) { _, _ in throw CancellationError() }
        let options = SQLSinkOptions(path: path)
        #expect(try await options.tryConnection(parts) == "the file is not there and can be made")
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path).isEmpty)
        let sink = sink()
        try await sink.deliver(SinkDelivery(push(1)))
        await sink.close()
        #expect(try await options.tryConnection(parts) == "the file is there, with 1 events")
        try Data("text that is no database, however long it is".utf8).write(to: URL(fileURLWithPath: path))
        await #expect(throws: SQLSinkError.self) { try await options.tryConnection(parts) }
    }
}
