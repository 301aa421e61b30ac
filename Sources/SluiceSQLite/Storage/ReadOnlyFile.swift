import GRDBSQLite
import Glibc
import Sluice

/// Looks into an SQLite file and makes nothing: SQLite itself would leave files beside one that no process has open.
enum ReadOnlyFile {
    /// Reads the file as it is at one moment.
    /// - Parameter busyTimeout: how long it waits for another program that holds the file.
    static func read<Result>(
        _ path: String, busyTimeout: Duration = .seconds(5),
        _ body: (Connection) throws(SQLiteLogError) -> Result
    ) throws(SQLiteLogError) -> Result {
        for _ in 0..<20 {
            let before = try Stamp(path)
            // With a write-ahead log SQLite needs its index too, and would make it where it is missing.
            if !before.isQuiet, access(path + "-shm", F_OK) != 0 {
                throw SQLiteLogError(
                    .cannotOpen, path: path,
                    detail: "its -wal file is there without its -shm file, which the gateway makes when it starts")
            }
            let connection = try Connection(path, isQuiet: before.isQuiet, busyTimeout: busyTimeout)
            let result = Swift.Result { () throws(SQLiteLogError) -> Result in
                try connection.statement("BEGIN").run()
                return try body(connection)
            }
            // Without a write-ahead log no lock was held: another process may have begun to write.
            let after = try Stamp(path)
            if !before.isQuiet || after == before { return try result.get() }
        }
        throw SQLiteLogError(.locked, path: path, detail: "it changes too often to be read")
    }

    /// Reads a file that is a log's.
    /// - Parameter body: is given the version of the file's schema.
    static func readLog<Result>(
        _ path: String, busyTimeout: Duration = .seconds(5),
        _ body: (Connection, _ version: Int64) throws(SQLiteLogError) -> Result
    ) throws(SQLiteLogError) -> Result {
        try read(path, busyTimeout: busyTimeout) { connection throws(SQLiteLogError) in
            guard try connection.statement("PRAGMA application_id").integer() == Schema.applicationID else {
                throw SQLiteLogError(.notALog, path: path, detail: "it is a file of another program, or empty")
            }
            let version = try connection.statement("PRAGMA user_version").integer() ?? 0
            guard version <= Schema.version else {
                throw SQLiteLogError(
                    .newerSchema, path: path, detail: "schema \(version), while this program knows \(Schema.version)")
            }
            return try body(connection, version)
        }
    }

    /// What tells that a file was written.
    struct Stamp: Equatable {
        private let inode: UInt64
        private let size: Int64
        private let seconds: Int64
        private let nanoseconds: Int64
        /// Whether all that is committed is in the file itself.
        let isQuiet: Bool

        init(_ path: String) throws(SQLiteLogError) {
            var (file, log) = (stat(), stat())
            guard stat(path, &file) == 0 else { throw Stamp.absence(path) }
            let time = file.st_mtim
            inode = UInt64(file.st_ino)
            (size, seconds, nanoseconds) = (Int64(file.st_size), Int64(time.tv_sec), Int64(time.tv_nsec))
            isQuiet = stat(path + "-wal", &log) != 0 || log.st_size == 0
        }

        private static func absence(_ path: String) -> SQLiteLogError {
            let reason =
                switch errno {
                case EACCES: "its directory may not be searched"
                case ENOENT: "there is no such file"
                case let code: String(cString: strerror(code))
                }
            return SQLiteLogError(.cannotOpen, path: path, detail: reason)
        }
    }

    /// What the system says of a file.
    static func failure(_ path: String) -> SQLiteLogError {
        let code = errno
        return SQLiteLogError(
            code == ENOSPC ? .diskFull : .cannotOpen, path: path, detail: String(cString: strerror(code)))
    }

    /// A connection of SQLite's own: GRDB takes no addresses with parameters.
    final class Connection {
        let handle: OpaquePointer
        private let path: String

        /// - Parameter isQuiet: reads the file alone, without locks and the files that SQLite keeps beside it
        ///   (<https://www.sqlite.org/uri.html#uriimmutable>).
        convenience init(
            _ path: String, isQuiet: Bool, busyTimeout: Duration = .seconds(5)
        ) throws(SQLiteLogError) {
            try self.init(path, SQLITE_OPEN_READONLY, isQuiet ? "?immutable=1" : "", busyTimeout)
        }

        convenience init(writing path: String) throws(SQLiteLogError) {
            try self.init(path, SQLITE_OPEN_READWRITE, "", .seconds(5))
        }

        private init(
            _ path: String, _ flags: Int32, _ query: String, _ busyTimeout: Duration
        ) throws(SQLiteLogError) {
            var opened: OpaquePointer?
            let code = sqlite3_open_v2(
                Self.uri(path) + query, &opened, flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, nil)
            guard code == SQLITE_OK, let opened else {
                let message = opened.map { String(cString: sqlite3_errmsg($0)) } ?? "no memory"
                sqlite3_close_v2(opened)
                throw SQLiteLogError(resultCode: code, message: message, path: path)
            }
            handle = opened
            self.path = path
            sqlite3_busy_timeout(opened, Int32(clamping: busyTimeout.wholeNanoseconds / 1_000_000))
        }

        deinit {
            // Closes once the last statement has gone.
            sqlite3_close_v2(handle)
        }

        func statement(_ sql: String) throws(SQLiteLogError) -> SQLStatement {
            try SQLStatement(connection: handle, path: path, sql)
        }

        func cursor(for topic: Topic) throws(SQLiteLogError) -> TopicCursor? {
            let find = try statement("SELECT id FROM topics WHERE name = ?")
            find.bind(topic.name, at: 1)
            guard let id = try find.integer() else { return nil }
            return try TopicCursor(id: id, prepare: statement)
        }

        func failure() -> SQLiteLogError {
            SQLiteLogError(
                resultCode: sqlite3_extended_errcode(handle), message: String(cString: sqlite3_errmsg(handle)),
                path: path)
        }

        /// Behind `file:` two slashes would begin a host (<https://www.sqlite.org/uri.html>).
        private static func uri(_ path: String) -> String {
            var text = path.hasPrefix("/") ? "file:/" : "file:./"
            for byte in path.utf8.drop(while: { $0 == UInt8(ascii: "/") }) {
                switch byte {
                case UInt8(ascii: "%"): text += "%25"
                case UInt8(ascii: "?"): text += "%3f"
                case UInt8(ascii: "#"): text += "%23"
                case 0x80...: text += "%" + String(byte, radix: 16)
                default: text.unicodeScalars.append(Unicode.Scalar(byte))
                }
            }
            return text
        }
    }
}
