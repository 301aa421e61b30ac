import Foundation
import GRDB
import Glibc
import Sluice

/// The file of a sink of kind `sql`: made, checked and brought up to date before it is used.
struct SQLFile: Sendable {
    /// "SlEv", so that the file says whose it is (<https://www.sqlite.org/pragma.html#pragma_application_id>).
    static let applicationID: Int64 = 0x536C_4576
    /// Files up to this size are checked page by page when they are opened; what is wrong with larger ones shows when they are
    /// used.
    private static let checkedBytes = 32 << 20

    let path: String
    /// How long a write waits for another program that holds the file.
    var busyTimeout: TimeInterval = 5

    /// What tells that the file is another one, or was written otherwise than by SQLite.
    struct Stamp: Equatable {
        private let device: UInt64
        private let number: UInt64
        private let size: Int64
        private let seconds: Int64
        private let nanoseconds: Int64

        fileprivate init(_ status: stat) {
            (device, number, size) = (UInt64(status.st_dev), UInt64(status.st_ino), Int64(status.st_size))
            (seconds, nanoseconds) = (Int64(status.st_mtim.tv_sec), Int64(status.st_mtim.tv_nsec))
        }

        /// Whether both are of one file, whatever was written into it.
        func isSameFile(as other: Stamp) -> Bool { (device, number) == (other.device, other.number) }
    }

    /// Nil where there is no such file.
    var stamp: Stamp? {
        var status = Glibc.stat()
        return stat(path, &status) == 0 ? Stamp(status) : nil
    }

    /// - Throws: ``SQLSinkError``; the file is as it was then.
    func open() throws(SQLSinkError) -> (database: DatabaseQueue, stamp: Stamp) {
        do {
            // SQLite gives its other files the mode of the database.
            let made = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
            guard made >= 0 else { throw SQLSinkError(.cannotOpen, path: path, String(cString: strerror(errno))) }
            var status = Glibc.stat()
            fstat(made, &status)
            close(made)
            var configuration = Configuration()
            configuration.busyMode = .timeout(busyTimeout)
            let database = try DatabaseQueue(path: path, configuration: configuration)
            try database.writeWithoutTransaction { database in
                // Before anything is changed in it.
                try check(database)
                try database.execute(sql: "PRAGMA journal_mode = WAL")
                // A commit is on the disk when it returns: the queue forgets the event then.
                try database.execute(sql: "PRAGMA synchronous = FULL")
                try database.inTransaction(.immediate) {
                    try SQLSchema.migrate(database)
                    return .commit
                }
            }
            // What was opened is what the path named before and names now.
            guard let stamp, stamp.isSameFile(as: Stamp(status)) else { throw SQLSinkError.gone(path) }
            return (database, stamp)
        } catch let error as SQLSinkError {
            throw error
        } catch {
            throw SQLSinkError(error, path: path)
        }
    }

    /// Looks at the file and changes nothing.
    /// - Returns: what is there, in words.
    func look() throws(SQLSinkError) -> String {
        guard stamp != nil else {
            let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
            guard access(directory, W_OK | X_OK) == 0 else {
                throw SQLSinkError(.cannotOpen, path: path, "\(directory): \(String(cString: strerror(errno)))")
            }
            return "the file is not there and can be made"
        }
        guard access(path, R_OK | W_OK) == 0 else {
            throw SQLSinkError(.cannotOpen, path: path, String(cString: strerror(errno)))
        }
        do {
            var configuration = Configuration()
            configuration.readonly = true
            configuration.busyMode = .timeout(busyTimeout)
            let database = try DatabaseQueue(path: path, configuration: configuration)
            defer { try? database.close() }
            let count = try database.read { database -> Int64 in
                try check(database)
                guard try SQLSchema.version(of: database) > 0 else { return 0 }
                return try Int64.fetchOne(database, sql: "SELECT count(*) FROM events") ?? 0
            }
            return "the file is there, with \(count) events"
        } catch let error as SQLSinkError {
            throw error
        } catch {
            throw SQLSinkError(error, path: path)
        }
    }

    private func check(_ database: Database) throws {
        let application = try Int64.fetchOne(database, sql: "PRAGMA application_id") ?? 0
        let version = try SQLSchema.version(of: database)
        let isEmpty = try Bool.fetchOne(database, sql: "SELECT NOT EXISTS (SELECT 1 FROM sqlite_master)") ?? false
        guard application == Self.applicationID || isEmpty else {
            throw SQLSinkError(.foreign, path: path, "it is an SQLite database of another program")
        }
        guard version <= SQLSchema.version else {
            throw SQLSinkError(
                .newer, path: path,
                "a newer version of Sluice wrote it (schema \(version), while this one knows \(SQLSchema.version))")
        }
        let pages = try Int.fetchOne(database, sql: "PRAGMA page_count") ?? 0
        let pageSize = try Int.fetchOne(database, sql: "PRAGMA page_size") ?? 0
        guard pages.multipliedReportingOverflow(by: pageSize).partialValue <= Self.checkedBytes else { return }
        let finding = try String.fetchOne(database, sql: "PRAGMA quick_check(1)")
        if let finding, finding != "ok" { throw SQLSinkError(.damaged, path: path, finding) }
    }
}
