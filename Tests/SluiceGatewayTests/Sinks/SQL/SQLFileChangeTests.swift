import Foundation
import GRDB
import GatewayTestSupport
import Glibc
import Sluice
import SluiceTesting
import Synchronization
import Testing

@testable import SluiceGateway

/// What happens to a sink's file while the sink has it open.
@Suite(.timeLimit(.minutes(5))) struct SQLFileChangeTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private var path: String { directory.path + "/history.db" }

    private func sink(onWritten: @escaping @Sendable () -> Void = {}) -> SQLSink {
        SQLSink(SQLFile(path: path), retention: nil, hold: .seconds(7), onWritten: onWritten)
    }

    private func event(_ number: Int) -> SinkDelivery {
        SinkDelivery(
            .commitPushed(
                CommitPushed(
                    id: String(0xabc0000 + number, radix: 16), message: "Message \(number)", author: "ann",
                    occurredOn: Timestamp(millisecondsSince1970: 1_767_323_045_678), repository: "octo/hello")))
    }

    /// The numbers of the events that are there; the file is sound.
    private func written() throws -> [Int] {
        let database = try DatabaseQueue(path: path)
        defer { try? database.close() }
        return try database.read { database in
            #expect(try String.fetchOne(database, sql: "PRAGMA integrity_check") == "ok")
            return try String.fetchAll(database, sql: "SELECT commit_id FROM events ORDER BY sequence")
                .compactMap { Int($0, radix: 16).map { $0 - 0xabc0000 } }
        }
    }

    /// Writes over the file without putting another in its place, as `cp` does.
    private func overwrite(with data: Data) throws {
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try handle.truncate(atOffset: 0)
        try handle.write(contentsOf: data)
        try handle.close()
    }

    private func expectHold(_ sink: SQLSink, _ number: Int, _ reason: String) async {
        let error = await #expect(throws: HandlerError.self) { try await sink.deliver(event(number)) }
        #expect(error?.reason == reason)
        guard case .hold? = error?.disposition.kind else {
            Issue.record("no hold: \(error as Any)")
            return
        }
    }

    @Test func anOlderCopyThatIsWrittenOverItIsTakenUp() async throws {
        let sink = sink()
        for number in 1...200 { try await sink.deliver(event(number)) }
        // All of it is in the file: a copy of that alone has everything.
        let copy = try #require(FileManager.default.contents(atPath: path))
        for number in 201...600 { try await sink.deliver(event(number)) }
        try overwrite(with: copy)
        for number in 601...700 { try await sink.deliver(event(number)) }
        #expect(try written() == Array(1...200) + Array(601...700))
        await sink.close()
        #expect(try written() == Array(1...200) + Array(601...700))
    }

    @Test func whatIsNoDatabaseAnyMoreHoldsTheSinkAndStaysAsItIs() async throws {
        let sink = sink()
        try await sink.deliver(event(1))
        let text = Data("text that is no database, however long it is".utf8)
        try overwrite(with: text)
        await expectHold(sink, 2, "sql_damaged")
        await expectHold(sink, 2, "sql_damaged")
        #expect(FileManager.default.contents(atPath: path) == text)
        unlink(path)
        try await sink.deliver(event(2))
        #expect(try written() == [2])
        await sink.close()
    }

    @Test func aFileThatWasEmptiedIsMadeAgain() async throws {
        let sink = sink()
        try await sink.deliver(event(1))
        try overwrite(with: Data())
        try await sink.deliver(event(2))
        #expect(try written() == [2])
        await sink.close()
    }

    /// A reader keeps events in SQLite's log that the file does not have yet.
    @Test func whatWasWrittenOverWhileAReaderKeepsItsLogHoldsTheSink() async throws {
        let sink = sink()
        try await sink.deliver(event(1))
        let copy = try #require(FileManager.default.contents(atPath: path))
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        let reader = try DatabaseQueue(path: path, configuration: configuration)
        try await reader.writeWithoutTransaction { database in
            try database.execute(sql: "BEGIN; SELECT * FROM events")
        }
        try await sink.deliver(event(2))
        try overwrite(with: copy + Data(repeating: 0, count: 4_096))
        await expectHold(sink, 3, "sql_overwritten")
        try await reader.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") }
        try reader.close()
        await expectHold(sink, 3, "sql_overwritten")
        #expect(FileManager.default.contents(atPath: path)?.count == copy.count + 4_096)
        // Moved away, and a copy of it is put back.
        rename(path, path + ".aside")
        try copy.write(to: URL(fileURLWithPath: path))
        try await sink.deliver(event(3))
        #expect(try written() == [1, 3])
        await sink.close()
    }

    @Test func anEventThatWasWrittenIntoAFileThatIsGoneIsWrittenAgain() async throws {
        let removal = Mutex<String?>(nil)
        let sink = sink {
            guard let path = removal.withLock({ $0.take() }) else { return }
            for suffix in ["", "-wal", "-shm"] { unlink(path + suffix) }
        }
        try await sink.deliver(event(1))
        removal.withLock { $0 = path }
        let error = await #expect(throws: HandlerError.self) { try await sink.deliver(event(2)) }
        #expect(error?.reason == "sql_gone" && error?.disposition == .retry())
        try await sink.deliver(event(2))
        #expect(try written() == [2])
        await sink.close()
    }

    @Test func whatAnotherProgramWritesBySQLiteIsNoFault() async throws {
        let sink = sink()
        try await sink.deliver(event(1))
        let other = self.sink()
        for number in 2...20 {
            try await (number.isMultiple(of: 2) ? other : sink).deliver(event(number))
        }
        let person = try DatabaseQueue(path: path)
        try await person.write { try $0.execute(sql: "CREATE VIEW mine AS SELECT * FROM events") }
        try await person.vacuum()
        try person.close()
        try await sink.deliver(event(21))
        await other.close()
        try await sink.deliver(event(22))
        await sink.close()
        #expect(try written() == Array(1...22))
    }
}
