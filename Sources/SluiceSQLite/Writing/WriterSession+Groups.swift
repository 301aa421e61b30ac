internal import GRDB
internal import GRDBSQLite
internal import Sluice
import Synchronization

extension WriterSession {
    /// Finds or creates the group's row, and has its lease looked at after this commit. Call inside a transaction.
    func enlist(_ group: ConsumerGroup, start: SQLiteLog.StartPosition) throws(SQLiteLogError) {
        let topic = try table(for: group.topic).id
        let find = try SQLStatement(database, path: path, "SELECT id FROM groups WHERE topic = ? AND name = ?")
        find.bind(topic, at: 1)
        find.bind(group.name, at: 2)
        var row = try find.integer()
        if row == nil {
            let settled = try settledThrough(topic: topic, start)
            let insert = try SQLStatement(
                database, path: path,
                "INSERT INTO groups (topic, name, settled_through, delivered_through, last_read) VALUES (?, ?, ?, ?, ?)"
            )
            insert.bind(topic, at: 1)
            insert.bind(group.name, at: 2)
            insert.bind(settled, at: 3)
            insert.bind(settled, at: 4)
            insert.bind(Timestamp.now().millisecondsSince1970, at: 5)
            try insert.run()
            row = sqlite3_last_insert_rowid(database.sqliteConnection)
        }
        group.state.withLock { $0.row = row }
        leases.hasten()
    }

    private func settledThrough(
        topic: Int64, _ start: SQLiteLog.StartPosition
    ) throws(SQLiteLogError) -> Int64 {
        let cursor = try TopicCursor(id: topic, database: database, path: path)
        switch start.kind {
        case .beginning: return try cursor.deletedThrough()
        case .end: return try cursor.lastOffset()
        case .time(let time):
            if let first = try cursor.offset(at: time) { return first - 1 }
            return try cursor.lastOffset()
        }
    }
}
