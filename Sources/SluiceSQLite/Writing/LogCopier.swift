import GRDB
import GRDBSQLite
import Sluice

/// Copies the write-ahead log into the file, on a connection and a thread of its own, beside the commits. Copying is mostly
/// waiting for the disk, and no commit waits for it.
struct LogCopier {
    let configuration: SQLiteLog.Configuration
    let log: WriteAheadGauge

    /// The thread's body: returns after the gauge's `close`.
    func run() {
        // Opened when there is something to copy for the first time.
        var queue: DatabaseQueue?
        while log.waitUntilLong() {
            // Where that fails the writer copies all in the end, between two commits.
            queue = queue ?? (try? LogFile.openCopier(configuration))
            queue?.inDatabase { database in
                _ = sqlite3_wal_checkpoint_v2(database.sqliteConnection, nil, SQLITE_CHECKPOINT_PASSIVE, nil, nil)
            }
            log.noteCopy()
        }
        try? queue?.close()
    }
}

/// Starts the write-ahead log over when it has become too long, on the writer's connection.
///
/// SQLite does so by itself only where all is copied and no reader needs it, and while commits go on beside the copying there is
/// always a rest. So the writer copies the rest between two commits, and waits for readers briefly: those of this process hold on
/// for a batch only.
final class LogRestart {
    private let connection: OpaquePointer?
    private let busyTimeout: Int32
    private let log: WriteAheadGauge

    init(_ database: Database, busyTimeout: Duration, _ log: WriteAheadGauge) {
        connection = database.sqliteConnection
        self.busyTimeout = Int32(clamping: busyTimeout.wholeNanoseconds / 1_000_000)
        self.log = log
        log.watch(connection)
    }

    deinit {
        sqlite3_wal_hook(connection, nil, nil)
    }

    /// After a commit, when its callers have been answered.
    func run() {
        guard log.isRestartDue else { return }
        sqlite3_busy_timeout(connection, 50)
        sqlite3_wal_checkpoint_v2(connection, nil, SQLITE_CHECKPOINT_RESTART, nil, nil)
        sqlite3_busy_timeout(connection, busyTimeout)
        log.noteRestart()
    }
}
