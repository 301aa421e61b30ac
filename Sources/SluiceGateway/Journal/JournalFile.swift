import Foundation
import GRDB
import Glibc
import Sluice

/// The journal's file. Nothing depends on it: one that cannot be used is made again, empty.
struct JournalFile: Sendable {
    static let name = "journal.sqlite"

    let path: String
    /// How many bytes it and its write-ahead log may have together.
    let bytes: Int64

    /// How many pages the write-ahead log has when it is brought into the file.
    private var logPages: Int64 { min(1_000, max(16, bytes / 16 / Self.pageSize)) }

    /// How many bytes the file itself may have: the rest is for the write-ahead log and for the commit that is under way.
    var fileBytes: Int64 { max(bytes / 4, bytes - 3 * logPages * Self.pageSize - 300_000) }

    /// Opens the file for writing, and makes it where it is missing or damaged.
    /// - Returns: the database, and why the file was made again; nil where it could be used, and where there was none.
    /// - Throws: ``JournalError``.
    func open() throws(JournalError) -> (database: DatabaseQueue, problem: String?) {
        do {
            return (try attempt(), nil)
        } catch {
            guard error.canBeMadeAgain else { throw error }
            try remove()
            return (try attempt(), error.problem)
        }
    }

    /// Tells the file from another one under its name; nil where there is none.
    var identity: UInt64? {
        var status = stat()
        return stat(path, &status) == 0 ? UInt64(status.st_ino) : nil
    }

    /// How many bytes it takes up, with its write-ahead log.
    var size: Int64 { Self.size(of: path) + Self.size(of: path + "-wal") }

    private static func size(of path: String) -> Int64 {
        var status = stat()
        return stat(path, &status) == 0 ? Int64(status.st_size) : 0
    }

    func remove() throws(JournalError) {
        for suffix in ["", "-wal", "-shm"] where unlink(path + suffix) != 0 && errno != ENOENT {
            throw JournalError(problem: "it is damaged, and cannot be removed: \(String(cString: strerror(errno)))")
        }
    }

    // MARK: Opening

    private func attempt() throws(JournalError) -> DatabaseQueue {
        do {
            // SQLite gives its other files the mode of the database. One that is there is left alone: to close it would end the
            // locks of those in this process who read it.
            if access(path, F_OK) != 0 { close(Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)) }
            var configuration = Configuration()
            configuration.busyMode = .timeout(2)
            let pages = logPages
            configuration.prepareDatabase { database in
                // Before the first table is there: lets the file shrink.
                try database.execute(sql: "PRAGMA auto_vacuum = INCREMENTAL")
                try database.execute(sql: "PRAGMA journal_mode = WAL")
                // What a power cut takes is not worth waiting for; a process that is killed loses nothing that was committed.
                try database.execute(sql: "PRAGMA synchronous = NORMAL")
                try database.execute(sql: "PRAGMA wal_autocheckpoint = \(pages)")
                try database.execute(sql: "PRAGMA journal_size_limit = \(pages * Self.pageSize)")
            }
            let database = try DatabaseQueue(path: path, configuration: configuration)
            try database.write { database in
                if try Bool.fetchOne(database, sql: "SELECT NOT EXISTS (SELECT 1 FROM sqlite_master)") ?? false {
                    try JournalSchema.make(database)
                } else {
                    try Self.verify(database)
                }
            }
            return database
        } catch {
            throw JournalError(error)
        }
    }

    /// Looks whether the file can be read: what writes it has its pages in memory, and does not notice.
    func check() throws(JournalError) {
        do {
            var configuration = Configuration()
            configuration.readonly = true
            let database = try DatabaseQueue(path: path, configuration: configuration)
            defer { try? database.close() }
            try database.read(Self.verify)
        } catch {
            throw JournalError(error)
        }
    }

    static let pageSize: Int64 = 4_096

    /// Refuses what another program or a newer version wrote.
    static func verify(_ database: Database) throws {
        guard try Int64.fetchOne(database, sql: "PRAGMA application_id") == JournalSchema.applicationID else {
            throw JournalError(problem: "it is a file of another program")
        }
        guard try Int64.fetchOne(database, sql: "PRAGMA user_version") == JournalSchema.version else {
            throw JournalError(problem: "a newer version of Sluice wrote it")
        }
        for sql in [
            "SELECT number, time, route, destination, message, code, retry_after FROM entries LIMIT 1",
            "SELECT number, time, route, message, delivery FROM messages LIMIT 1",
            "SELECT number, time, kind, subject, until FROM events LIMIT 1", "SELECT last FROM causes LIMIT 1",
            "SELECT id, text FROM names LIMIT 1",
        ] {
            do {
                _ = try Row.fetchOne(database, sql: sql)
            } catch let error as DatabaseError where error.resultCode == .SQLITE_ERROR {
                throw JournalError(problem: "its tables are not what they should be", canBeMadeAgain: true)
            }
        }
    }
}
