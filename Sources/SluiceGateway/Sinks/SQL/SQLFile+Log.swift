import GRDB
import Glibc

extension SQLFile {
    /// Whether SQLite's log beside the file has anything.
    var hasLog: Bool { logStatus.map { $0.st_size > 0 } ?? false }

    /// Tells the log from another one; nil where there is none.
    var log: UInt64? { logStatus.map { UInt64($0.st_ino) } }

    private var logStatus: stat? {
        var status = Glibc.stat()
        return stat(path + "-wal", &status) == 0 ? status : nil
    }

    /// Removes this log of a file that is not there any more.
    func removeLog(_ known: UInt64) {
        guard log == known else { return }
        for suffix in ["-wal", "-shm"] { unlink(path + suffix) }
    }

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
