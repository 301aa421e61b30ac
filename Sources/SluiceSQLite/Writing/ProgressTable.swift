import GRDB
import Sluice

/// The rows of messages that wait for their next attempt. Belongs to the writer's thread.
final class ProgressTable {
    private let put: SQLStatement
    private let delete: SQLStatement
    private let all: SQLStatement
    private let clear: SQLStatement
    private let prune: SQLStatement

    init(_ database: Database, path: String) throws(SQLiteLogError) {
        put = try SQLStatement(
            database, path: path,
            """
            INSERT OR REPLACE INTO progress
                (consumer_group, offset, attempts, failed, throttled, first_failure, due, wait)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            """)
        delete = try SQLStatement(
            database, path: path, "DELETE FROM progress WHERE consumer_group = ? AND offset = ?")
        all = try SQLStatement(
            database, path: path,
            """
            SELECT offset, attempts, failed, throttled, first_failure, due, wait FROM progress
            WHERE consumer_group = ?
            """)
        clear = try SQLStatement(database, path: path, "DELETE FROM progress WHERE consumer_group = ?")
        prune = try SQLStatement(
            database, path: path,
            """
            DELETE FROM progress WHERE consumer_group = ?1 AND offset <= ?2
                AND offset NOT IN (SELECT offset FROM shelved WHERE consumer_group = ?1)
            """)
    }

    /// Call inside the transaction that writes what the group has settled.
    func write(_ group: Int64, _ changes: [ProgressLedger.Change]) throws(SQLiteLogError) {
        for change in changes {
            let statement = change.progress == nil ? delete : put
            statement.bind(group, at: 1)
            statement.bind(change.offset, at: 2)
            if let progress = change.progress {
                put.bind(Int64(progress.attempts), at: 3)
                put.bind(Int64(progress.failedAttempts), at: 4)
                put.bind(Int64(progress.throttledAnswers), at: 5)
                put.bind(progress.firstFailure.millisecondsSince1970, at: 6)
                put.bind(progress.due.millisecondsSince1970, at: 7)
                put.bind(Int64(clamping: progress.wait.wholeNanoseconds / 1_000_000), at: 8)
            }
            try statement.run()
        }
    }

    /// A group was moved, or is gone.
    func clear(_ group: Int64) throws(SQLiteLogError) {
        clear.bind(group, at: 1)
        try clear.run()
    }

    /// What is known of the group's messages, by their offsets. What a program of an earlier schema has settled meanwhile goes.
    /// Call inside a transaction.
    func read(_ group: Int64, settledThrough: Int64) throws(SQLiteLogError) -> [Int64: Delivery.Progress] {
        prune.bind(group, at: 1)
        prune.bind(settledThrough, at: 2)
        try prune.run()
        all.bind(group, at: 1)
        defer { all.reset() }
        var entries: [Int64: Delivery.Progress] = [:]
        while try all.step() {
            entries[all.integer(0)] = Delivery.Progress(
                attempts: Int(clamping: all.integer(1)), failedAttempts: Int(clamping: all.integer(2)),
                throttledAnswers: Int(clamping: all.integer(3)),
                firstFailure: Timestamp(millisecondsSince1970: all.integer(4)),
                due: Timestamp(millisecondsSince1970: all.integer(5)), wait: .milliseconds(max(0, all.integer(6))))
        }
        return entries
    }
}
