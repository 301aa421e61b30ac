import GRDB
import GRDBSQLite
import Sluice
import Synchronization

extension WriterLoop {
    /// Finds or creates the group's row, and has its lease looked at after this commit. Call inside a transaction.
    func enlist(_ group: ConsumerGroup, start: StartPosition) throws(SQLiteLogError) {
        let row = try self.group(group.name, topic: group.topic, start: start).row
        group.state.withLock { $0.row = row }
        leases.hasten()
    }

    /// Finds or creates the group's row. Call inside a transaction.
    /// - Returns: how many messages a new group begins behind; 0 for one that was there.
    func group(
        _ name: String, topic: Topic, start: StartPosition
    ) throws(SQLiteLogError) -> (row: Int64, isNew: Bool, skipped: Int64) {
        let topic = try table(for: topic).id
        let find = try SQLStatement(database, path: path, "SELECT id FROM groups WHERE topic = ? AND name = ?")
        find.bind(topic, at: 1)
        find.bind(name, at: 2)
        if let row = try find.integer() { return (row, false, 0) }
        let cursor = try TopicCursor(id: topic, database: database, path: path)
        let settled = try settledThrough(cursor, start)
        let insert = try SQLStatement(
            database, path: path,
            "INSERT INTO groups (topic, name, settled_through, delivered_through, last_read) VALUES (?, ?, ?, ?, ?)")
        insert.bind(topic, at: 1)
        insert.bind(name, at: 2)
        insert.bind(settled, at: 3)
        insert.bind(settled, at: 4)
        insert.bind(Timestamp.now().millisecondsSince1970, at: 5)
        try insert.run()
        let skipped = settled.subtractingSaturated(try cursor.deletedThrough())
        return (sqlite3_last_insert_rowid(database.sqliteConnection), true, max(0, skipped))
    }

    private func settledThrough(
        _ cursor: TopicCursor, _ start: StartPosition
    ) throws(SQLiteLogError) -> Int64 {
        switch start.kind {
        case .beginning: return try cursor.deletedThrough()
        case .end: return try cursor.lastOffset()
        case .time(let time):
            if let first = try cursor.offset(at: time) { return first.subtractingSaturated(1) }
            return try cursor.lastOffset()
        }
    }
}
