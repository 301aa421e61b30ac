import GRDBSQLite
import Glibc
import Sluice

/// Looks into an SQLite file and makes nothing: SQLite itself would leave files beside one that no process has open.
enum ReadOnlyFile {
    /// Reads the file as it is at one moment.
    static func read<Result>(
        _ path: String, _ body: (Connection) throws(SQLiteLogError) -> Result
    ) throws(SQLiteLogError) -> Result {
        for _ in 0..<20 {
            let before = try Stamp(path)
            let connection = try Connection(path, isQuiet: before.isQuiet)
            let result = Swift.Result { () throws(SQLiteLogError) -> Result in
                try connection.statement("BEGIN").run()
                return try body(connection)
            }
            // Without a write-ahead log no lock was held: somebody may have begun to write.
            let after = try Stamp(path)
            if !before.isQuiet || after == before { return try result.get() }
        }
        throw SQLiteLogError(.locked, path: path, detail: "it changes too often to be read")
    }

    /// Reads a file that is a log's.
    /// - Parameter body: is given the version of the file's schema.
    static func readLog<Result>(
        _ path: String, _ body: (Connection, _ version: Int64) throws(SQLiteLogError) -> Result
    ) throws(SQLiteLogError) -> Result {
        try read(path) { connection throws(SQLiteLogError) in
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
        private let size: Int64
        private let seconds: Int64
        private let nanoseconds: Int64
        /// Whether all that is committed is in the file itself.
        let isQuiet: Bool

        init(_ path: String) throws(SQLiteLogError) {
            var (file, log) = (stat(), stat())
            guard stat(path, &file) == 0 else { throw ReadOnlyFile.failure(path) }
            let time = file.st_mtim
            (size, seconds, nanoseconds) = (Int64(file.st_size), Int64(time.tv_sec), Int64(time.tv_nsec))
            isQuiet = stat(path + "-wal", &log) != 0 || log.st_size == 0
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
        convenience init(_ path: String, isQuiet: Bool) throws(SQLiteLogError) {
            try self.init(path, SQLITE_OPEN_READONLY, isQuiet ? "?immutable=1" : "")
        }

        convenience init(writing path: String) throws(SQLiteLogError) {
            try self.init(path, SQLITE_OPEN_READWRITE, "")
        }

        private init(_ path: String, _ flags: Int32, _ query: String) throws(SQLiteLogError) {
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
            sqlite3_busy_timeout(opened, 5_000)
        }

        deinit {
            // Closes once the last statement has gone.
            sqlite3_close_v2(handle)
        }

        func statement(_ sql: String) throws(SQLiteLogError) -> SQLStatement {
            try SQLStatement(connection: handle, path: path, sql)
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
