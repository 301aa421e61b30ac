import GRDB
import Sluice

/// The rows of what groups have put aside behind their keys. Belongs to the writer's thread.
final class ShelfTable {
    private let insert: SQLStatement
    private let move: SQLStatement
    private let delete: SQLStatement
    private let count: SQLStatement
    private let nextKey: SQLStatement
    private let all: SQLStatement
    private let clear: SQLStatement
    private let trim: SQLStatement
    private let recount: SQLStatement

    /// What was written of a group's shelf, to be confirmed once it is committed.
    struct Receipt {
        var leadingSince: UInt64
        var inserted: Int
        var deleted: Int
    }

    /// The first offset that a group `g` has put aside; NULL where there is none.
    static let first = "(SELECT min(s.offset) FROM shelved s WHERE s.consumer_group = g.id)"

    init(_ database: Database, path: String) throws(SQLiteLogError) {
        insert = try SQLStatement(
            database, path: path, "INSERT OR IGNORE INTO shelved (consumer_group, key, offset) VALUES (?, ?, ?)")
        // What stands there under another key goes.
        move = try SQLStatement(
            database, path: path, "INSERT OR REPLACE INTO shelved (consumer_group, key, offset) VALUES (?, ?, ?)")
        delete = try SQLStatement(
            database, path: path, "DELETE FROM shelved WHERE consumer_group = ? AND key = ? AND offset = ?")
        count = try SQLStatement(database, path: path, "UPDATE groups SET shelved = max(0, shelved + ?) WHERE id = ?")
        nextKey = try SQLStatement(
            database, path: path,
            "SELECT key FROM shelved WHERE consumer_group = ? AND key > ? ORDER BY key LIMIT 1")
        all = try SQLStatement(
            database, path: path, "SELECT offset FROM shelved WHERE consumer_group = ? AND offset > 0 ORDER BY offset")
        clear = try SQLStatement(database, path: path, "DELETE FROM shelved WHERE consumer_group = ?")
        trim = try SQLStatement(
            database, path: path,
            """
            DELETE FROM shelved WHERE consumer_group IN (SELECT id FROM groups WHERE topic = ?1 AND shelved > 0)
                AND offset <= ?2
            """)
        recount = try SQLStatement(
            database, path: path,
            """
            UPDATE groups SET shelved = (SELECT count(*) FROM shelved WHERE consumer_group = groups.id)
            WHERE topic = ? AND shelved > 0
            """)
    }

    /// A group was moved, or is gone.
    func clear(_ group: Int64) throws(SQLiteLogError) {
        clear.bind(group, at: 1)
        try clear.run()
    }

    /// The topic's messages are deleted up to here. Call inside the transaction that does it.
    func trim(topic: Int64, through offset: Int64) throws(SQLiteLogError) {
        trim.bind(topic, at: 1)
        trim.bind(offset, at: 2)
        try trim.run()
        guard trim.changes > 0 else { return }
        recount.bind(topic, at: 1)
        try recount.run()
    }

    /// Call inside the transaction that writes what the group has settled.
    func write(
        _ group: Int64, insert entries: [ShelfLedger.Entry], delete finished: [ShelfLedger.Entry]
    ) throws(SQLiteLogError) {
        guard !entries.isEmpty || !finished.isEmpty else { return }
        var change = 0
        for entry in entries {
            let statement = entry.isMoved ? move : insert
            bind(entry, group, to: statement)
            try statement.run()
            if !entry.isMoved { change += insert.changes }
        }
        for entry in finished {
            bind(entry, group, to: delete)
            try delete.run()
            change -= delete.changes
        }
        count.bind(Int64(change), at: 1)
        count.bind(group, at: 2)
        try count.run()
    }

    private func bind(_ entry: ShelfLedger.Entry, _ group: Int64, to statement: SQLStatement) {
        statement.bind(group, at: 1)
        statement.bind(entry.key, at: 2)
        statement.bind(entry.offset, at: 3)
    }

    /// - Returns: what the group has put aside, ascending.
    func offsets(of group: Int64) throws(SQLiteLogError) -> [Int64] {
        all.bind(group, at: 1)
        defer { all.reset() }
        var offsets: [Int64] = []
        while try all.step() { offsets.append(all.integer(0)) }
        return offsets
    }

    /// The keys that have something on the group's shelf: a look-up for each of them, whatever it has.
    func keys(of group: Int64) throws(SQLiteLogError) -> [[UInt8]] {
        var keys: [[UInt8]] = []
        // Smaller than every blob: a number.
        nextKey.bind(group, at: 1)
        nextKey.bind(-1, at: 2)
        while try nextKey.step() {
            let key = nextKey.bytes(0)
            keys.append(key)
            nextKey.reset()
            nextKey.bind(key, at: 2)
        }
        nextKey.reset()
        return keys
    }
}
