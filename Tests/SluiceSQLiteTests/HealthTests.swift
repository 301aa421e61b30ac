import Foundation
import GRDB
import Sluice
import Synchronization
import Testing

@testable import SluiceSQLite

@Suite struct HealthTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// Another program holds the file: the same as any failure of a commit.
    @Test func theLastOutcomeIsToldAndAProbeFindsItsEnd() async throws {
        let told = Mutex<[String]>([])
        var configuration = SQLiteLog.Configuration(path: directory.log)
        configuration.busyTimeout = .milliseconds(50)
        configuration.observe = { outcome in
            told.withLock { told in
                switch outcome {
                case .failed(let error, let isFirst): told.append("\(error.code) \(isFirst)")
                case .succeededAgain: told.append("again")
                }
            }
        }
        let log = try SQLiteLog.open(configuration)
        try await log.publisher().publish([message("a")], to: "t")
        #expect(log.failure == nil)
        var unsafe = Configuration()
        unsafe.allowsUnsafeTransactions = true
        let other = try DatabaseQueue(path: directory.log, configuration: unsafe)
        try await other.writeWithoutTransaction { try $0.execute(sql: "BEGIN IMMEDIATE") }
        await #expect(throws: SQLiteLogError.self) { try await log.publisher().publish([message("b")], to: "t") }
        #expect(log.failure?.code == .locked)
        await #expect(throws: SQLiteLogError.self) { try await log.probe() }
        #expect(log.failure?.code == .locked)
        try await other.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") }
        try await log.probe()
        #expect(log.failure == nil)
        #expect(try await log.lastOffset(in: "t") == 1, "a probe leaves no message")
        await log.close()
        let outcomes = told.withLock { $0 }
        #expect(outcomes.filter { $0 == "locked true" }.count == 1 && outcomes.contains("locked false"), "\(outcomes)")
        #expect(outcomes.last == "again")
    }

    @Test func aMessageThatIsTooLargeSaysNothingOfTheFile() {
        let health = LogHealth(nil)
        health.failed(SQLiteLogError(.tooLarge, path: "p", detail: "d"))
        #expect(health.failure == nil)
    }
}
