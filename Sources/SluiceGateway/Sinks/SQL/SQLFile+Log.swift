import GRDB

extension SQLFile {
    /// Brings everything into the file and empties SQLite's log, unless a reader needs it: nothing waits for one.
    func emptyLog(_ database: Database) throws {
        try database.execute(sql: "PRAGMA busy_timeout = 0")
        defer { try? database.execute(sql: "PRAGMA busy_timeout = \(Int(busyTimeout * 1_000))") }
        do {
            _ = try Row.fetchOne(database, sql: "PRAGMA wal_checkpoint(TRUNCATE)")
        } catch let error as DatabaseError where error.resultCode.primaryResultCode == .SQLITE_BUSY {
            // The next write tries it again.
        }
    }
}
