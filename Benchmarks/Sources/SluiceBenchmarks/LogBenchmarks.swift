import Foundation
import GRDBSQLite
import Sluice
import SluiceSQLite

/// The embedded log: appends by several numbers of publishers, and reading it through a route, with SQLite by itself in
/// the same run.
enum LogBenchmarks {
    private static let payload = [UInt8](repeating: 0x61, count: 256)

    static func run(scale: Double) async throws {
        Report.subject(
            "The embedded log, 256 B, fsynced", columns: ["what", "messages/s", "CPU a message"])
        var bareRate = 0.0
        for (commit, count) in [(1, 3_000.0), (256, 500_000), (1_024, 500_000)] {
            let rate = try await bare(commit: commit, count: Int(count * scale))
            if commit == 256 { bareRate = rate }
        }
        for (publishers, count) in [(1, 5_000.0), (64, 100_000), (256, 300_000), (1_024, 500_000)] {
            let rate = try await append(publishers: publishers, count: Int(count * scale))
            if publishers == 256 { Goals.note(.logAppend, 100 * rate / bareRate) }
        }
        try await route(count: Int(500_000 * scale))
    }

    /// - Returns: messages a second.
    @discardableResult private static func measure(
        _ name: String, _ count: Int, _ body: () async throws -> Void
    ) async throws -> Double {
        let cpu = cpuSeconds()
        let seconds = try await timed(body)
        Report.row(
            name, Report.rate(count, seconds), String(format: "%.2f µs", (cpuSeconds() - cpu) * 1e6 / Double(count)))
        return Double(count) / seconds
    }

    private static func bare(commit: Int, count: Int) async throws -> Double {
        let directory = try Scratch()
        var connection: OpaquePointer?
        sqlite3_open_v2(
            directory.path("bare.sqlite"), &connection,
            SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nil)
        defer { sqlite3_close(connection) }
        sqlite3_exec(
            connection,
            """
            PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
            CREATE TABLE m (
                offset INTEGER PRIMARY KEY, time INTEGER NOT NULL, id BLOB NOT NULL, payload BLOB NOT NULL)
            """, nil, nil, nil)
        var statement: OpaquePointer?
        sqlite3_prepare_v2(connection, "INSERT INTO m VALUES (?, ?, ?, ?)", -1, &statement, nil)
        defer { sqlite3_finalize(statement) }
        let id = [UInt8](repeating: 1, count: 16)
        return try await measure("SQLite alone, commits of \(commit)", count) {
            for index in 0..<count {
                if index % commit == 0 { sqlite3_exec(connection, "BEGIN IMMEDIATE", nil, nil, nil) }
                sqlite3_bind_int64(statement, 1, Int64(index))
                sqlite3_bind_int64(statement, 2, 1_700_000_000_000)
                id.withUnsafeBytes { _ = sqlite3_bind_blob(statement, 3, $0.baseAddress, 16, nil) }
                payload.withUnsafeBytes { _ = sqlite3_bind_blob(statement, 4, $0.baseAddress, 256, nil) }
                sqlite3_step(statement)
                sqlite3_reset(statement)
                if index % commit == commit - 1 { sqlite3_exec(connection, "COMMIT", nil, nil, nil) }
            }
        }
    }

    private static func append(publishers: Int, count: Int) async throws -> Double {
        let directory = try Scratch()
        let log = try SQLiteLog.open(.init(path: directory.path("log.sqlite")))
        let publisher = log.publisher()
        try await publisher.publish([Message(payload: payload)], to: "t")
        let each = max(1, count / publishers)
        let rate = try await measure("append, \(publishers) concurrent publishers", each * publishers) {
            try await withThrowingDiscardingTaskGroup { group in
                for _ in 0..<publishers {
                    group.addTask {
                        for _ in 0..<each { try await publisher.publish([Message(payload: payload)], to: "t") }
                    }
                }
            }
        }
        await log.close()
        return rate
    }

    private static func route(count: Int) async throws {
        let directory = try Scratch()
        let log = try SQLiteLog.open(.init(path: directory.path("log.sqlite")))
        let publisher = log.publisher()
        for _ in 0..<max(1, count / 1_000) {
            try await publisher.publish((0..<1_000).map { _ in Message(payload: payload) }, to: "t")
        }
        let total = max(1, count / 1_000) * 1_000
        let finished = AsyncStream<Void>.makeStream()
        let router = Router()
        let seen = Counted()
        try router.add(
            Route("read", from: log.subscriber(group: "g"), "t") { _, _ in
                if seen.add() == total { finished.continuation.finish() }
            })
        try await measure("read and settle through a route", total) {
            let running = Task { try await router.run() }
            for await _ in finished.stream {}
            router.drain()
            try await running.value
        }
        await log.close()
    }
}
