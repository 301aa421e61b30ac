import GRDB
import GRDBSQLite
import Sluice

/// Keeps the write-ahead log short: copies it into the file after commits, when their callers have been answered.
///
/// A passive checkpoint never waits. When readers have kept it from starting the log over for too long, one that
/// waits for them briefly is tried: the readers of this process hold on for a batch only.
final class Checkpoints {
    /// Written by SQLite's hook after each commit.
    private final class Gauge {
        var pages: Int32 = 0
    }

    private static let passiveAt: Int32 = 4_000
    private static let insistAt: Int32 = 16_000

    private let connection: OpaquePointer?
    private let busyTimeout: Int32
    private let gauge = Gauge()
    private var last: Int32 = 0
    private var nextPassive = passiveAt
    private var nextInsistence = insistAt

    init(_ database: Database, busyTimeout: Duration) {
        connection = database.sqliteConnection
        self.busyTimeout = Int32(clamping: busyTimeout.wholeNanoseconds / 1_000_000)
        // Replaces SQLite's own checkpoint after 1,000 pages, which runs before the commit returns.
        sqlite3_wal_hook(
            connection,
            { context, _, _, pages in
                if let context { Unmanaged<Gauge>.fromOpaque(context).takeUnretainedValue().pages = pages }
                return SQLITE_OK
            }, Unmanaged.passUnretained(gauge).toOpaque())
    }

    deinit {
        sqlite3_wal_hook(connection, nil, nil)
    }

    func run() {
        if gauge.pages < last {
            // The log was started over.
            nextPassive = Self.passiveAt
            nextInsistence = Self.insistAt
        }
        last = gauge.pages
        guard last >= nextPassive else { return }
        sqlite3_wal_checkpoint_v2(connection, nil, SQLITE_CHECKPOINT_PASSIVE, nil, nil)
        nextPassive = last + Self.passiveAt / 4
        guard last >= nextInsistence else { return }
        sqlite3_busy_timeout(connection, 50)
        sqlite3_wal_checkpoint_v2(connection, nil, SQLITE_CHECKPOINT_RESTART, nil, nil)
        sqlite3_busy_timeout(connection, busyTimeout)
        // A foreign reader that stays is asked again after as many pages as it took to get here.
        nextInsistence = last &+ Self.insistAt
    }
}
