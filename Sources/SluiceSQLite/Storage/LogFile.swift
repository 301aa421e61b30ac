import GRDB
import GRDBSQLite
import Glibc

/// Opens the connections. Each is used by one thread alone.
enum LogFile {
    /// The connection that writes: WAL, every commit fsynced.
    static func openWriter(_ configuration: SQLiteLog.Configuration) throws(SQLiteLogError) -> DatabaseQueue {
        let path = configuration.path
        makePrivate(path)
        do {
            var settings = Self.settings(configuration)
            settings.journalMode = .wal
            // Runs before GRDB turns the file to WAL, which would already change it.
            settings.prepareDatabase { database in try Schema.verify(database, path: path) }
            let queue = try DatabaseQueue(path: path, configuration: settings)
            try queue.inDatabase { database in
                // GRDB has set NORMAL while opening, with which the last commits may be lost with the power.
                try database.execute(sql: "PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864")
                guard try Int.fetchOne(database, sql: "PRAGMA synchronous") == 2 else {
                    throw SQLiteLogError(.failed, path: path, detail: "synchronous=FULL was refused")
                }
                try Schema.prepare(database, path: path)
            }
            return queue
        } catch {
            throw Self.opening(error, path: path)
        }
    }

    /// Makes a file that is missing, for its owner alone: SQLite would let others read it, and gives the files beside it the
    /// same mode. What goes wrong, SQLite reports.
    private static func makePrivate(_ path: String) {
        let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        if file >= 0 { close(file) }
    }

    /// The connection that copies the write-ahead log into the file, which the writer's has made.
    static func openCopier(_ configuration: SQLiteLog.Configuration) throws(SQLiteLogError) -> DatabaseQueue {
        do {
            return try DatabaseQueue(path: configuration.path, configuration: settings(configuration))
        } catch {
            throw Self.opening(error, path: configuration.path)
        }
    }

    static func openReader(_ configuration: SQLiteLog.Configuration) throws(SQLiteLogError) -> DatabaseQueue {
        do {
            var settings = Self.settings(configuration)
            settings.readonly = true
            return try DatabaseQueue(path: configuration.path, configuration: settings)
        } catch {
            throw Self.opening(error, path: configuration.path)
        }
    }

    private static func settings(_ configuration: SQLiteLog.Configuration) -> GRDB.Configuration {
        var settings = GRDB.Configuration()
        settings.label = "sluice.sqlite"
        settings.foreignKeysEnabled = false
        // The thread of a connection stays inside one access for its whole life, and ends its transactions itself.
        settings.allowsUnsafeTransactions = true
        settings.busyMode = .timeout(
            Double(configuration.busyTimeout.components.seconds)
                + Double(configuration.busyTimeout.components.attoseconds) / 1e18)
        return settings
    }

    /// Opening is where a read-only file shows as a failed write.
    private static func opening(_ error: any Error, path: String) -> SQLiteLogError {
        SQLiteLogError(error, path: path)
    }
}
