import GRDBSQLite
import Glibc
public import Sluice

/// Looks at a log and touches nothing: no file is made, none is written, and to read them is the only permission it
/// takes. A process that writes meanwhile goes on, and what it has committed is seen.
///
/// Each call opens the file and closes it again.
public struct SQLiteLogView: Sendable {
    /// The log's file.
    public let path: String
    /// How long a call waits for another program that holds the file. Default 5 s.
    public var busyTimeout: Duration = .seconds(5)

    public init(path: String) {
        self.path = path
    }

    /// The offset of the topic's last message, 0 when it has had none; nil when there is no such topic.
    /// - Throws: ``SQLiteLogError``, with the code `cannotOpen` when there is no such file.
    public func lastOffset(in topic: Topic) throws(SQLiteLogError) -> Int64? {
        try look { session throws(SQLiteLogError) in try session.cursor(for: topic)?.lastOffset() }
    }

    /// The topic's messages in order; empty when there are none, and when there is no such topic.
    /// - Parameters:
    ///   - topic: which topic.
    ///   - time: begins with the first message that is not older; nil begins with the oldest.
    ///   - offset: begins behind the message of this offset. Default 0, which is before the first.
    ///   - limit: how many at most; fewer when they hold more than 4 MiB together.
    /// - Throws: ``SQLiteLogError``.
    public func messages(
        in topic: Topic, from time: Timestamp? = nil, after offset: Int64 = 0, limit: Int = 512
    ) throws(SQLiteLogError) -> [LoggedMessage] {
        try look { session throws(SQLiteLogError) in
            guard let cursor = try session.cursor(for: topic) else { return [] }
            let last = try cursor.lastOffset()
            var first = max(0, min(offset, .max - 1)) + 1
            if let time {
                guard let found = try cursor.offset(at: time) else { return [] }
                first = max(first, found)
            }
            guard first <= last else { return [] }
            return try cursor.read(first...last, limit: max(1, limit), bytes: 4 << 20).messages.map {
                LoggedMessage(message: $0.message, offset: $0.offset, timestamp: $0.time, key: $0.key)
            }
        }
    }

    // MARK: Looking

    func look<Value>(
        _ body: (LogViewSession) throws(SQLiteLogError) -> Value
    ) throws(SQLiteLogError) -> Value {
        var attempts = 0
        while true {
            attempts += 1
            let before = try Files(path)
            let outcome = Result { () throws(SQLiteLogError) -> Value in
                let session = try LogViewSession(path, isQuiet: before.isQuiet, busyTimeout: busyTimeout)
                return try session.reading(body)
            }
            // Somebody began to write, and what was read may be of two times.
            let after = try Files(path)
            if !before.isQuiet || after == before || attempts == 20 { return try outcome.get() }
        }
    }

    /// What tells of changes, and whether there is a write-ahead log.
    private struct Files: Equatable {
        private struct File: Equatable {
            let inode: UInt64
            let size: Int64
            let seconds: Int64
            let nanoseconds: Int64
        }

        private let database: File
        private let writeAheadLog: File?

        init(_ path: String) throws(SQLiteLogError) {
            guard let database = Self.file(path) else {
                let reason = errno == EACCES ? "its directory may not be searched" : "there is no such file"
                throw SQLiteLogError(.cannotOpen, path: path, detail: reason)
            }
            self.database = database
            writeAheadLog = Self.file(path + "-wal")
        }

        /// Nothing is to be found but in the file itself. SQLite needs no other files then, and must make none.
        var isQuiet: Bool { writeAheadLog.map { $0.size == 0 } ?? true }

        private static func file(_ path: String) -> File? {
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            let time = status.st_mtim
            return File(
                inode: UInt64(status.st_ino), size: Int64(status.st_size), seconds: Int64(time.tv_sec),
                nanoseconds: Int64(time.tv_nsec))
        }
    }
}

/// A connection that only reads.
final class LogViewSession {
    private let path: String
    private let connection: OpaquePointer

    /// - Parameter isQuiet: reads the file alone, without locks and without the files that SQLite keeps beside it
    ///   (<https://www.sqlite.org/uri.html#uriimmutable>).
    init(_ path: String, isQuiet: Bool, busyTimeout: Duration) throws(SQLiteLogError) {
        self.path = path
        // With a write-ahead log SQLite needs its index too, and would make it where it is missing.
        if !isQuiet, access(path + "-shm", F_OK) != 0 {
            throw SQLiteLogError(
                .cannotOpen, path: path,
                detail: "its -wal file is there without its -shm file, which the gateway makes when it starts")
        }
        var opened: OpaquePointer?
        let code = sqlite3_open_v2(
            Self.uri(path, isQuiet), &opened, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, nil)
        guard code == SQLITE_OK, let opened else {
            let words = opened.map { String(cString: sqlite3_errmsg($0)) } ?? "no memory"
            sqlite3_close_v2(opened)
            throw SQLiteLogError(resultCode: code, message: words, path: path)
        }
        connection = opened
        let (seconds, attoseconds) = busyTimeout.components
        sqlite3_busy_timeout(opened, Int32(clamping: seconds * 1_000 + attoseconds / 1_000_000_000_000_000))
    }

    deinit {
        // Closes once the last statement has gone.
        sqlite3_close_v2(connection)
    }

    private static func uri(_ path: String, _ isQuiet: Bool) -> String {
        // Behind `file:` an authority would be looked for between two slashes, so none stand at the beginning.
        let relative = path.drop { $0 == "/" }
        var bytes = Array((path.hasPrefix("/") ? "file:/" : "file:./").utf8)
        for byte in relative.utf8 {
            switch byte {
            case UInt8(ascii: "%"): bytes += Array("%25".utf8)
            case UInt8(ascii: "?"): bytes += Array("%3f".utf8)
            case UInt8(ascii: "#"): bytes += Array("%23".utf8)
            default: bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self) + (isQuiet ? "?immutable=1" : "")
    }

    /// Runs `body` in one transaction, so that it sees one moment.
    func reading<Value>(_ body: (LogViewSession) throws(SQLiteLogError) -> Value) throws(SQLiteLogError) -> Value {
        try verify()
        try prepare("BEGIN").run()
        // What only read has nothing to undo; closing ends it.
        return try body(self)
    }

    func cursor(for topic: Topic) throws(SQLiteLogError) -> TopicCursor? {
        let find = try prepare("SELECT id FROM topics WHERE name = ?")
        find.bind(topic.name, at: 1)
        guard let id = try find.integer() else { return nil }
        return try TopicCursor(id: id, prepare: prepare)
    }

    private func verify() throws(SQLiteLogError) {
        guard try prepare("PRAGMA application_id").integer() == Schema.applicationID else {
            throw SQLiteLogError(.notALog, path: path, detail: "it is a file of another program, or empty")
        }
        let version = try prepare("PRAGMA user_version").integer() ?? 0
        guard version <= Schema.version else {
            throw SQLiteLogError(
                .newerSchema, path: path, detail: "schema \(version), while this program knows \(Schema.version)")
        }
    }

    func prepare(_ sql: String) throws(SQLiteLogError) -> SQLStatement {
        try SQLStatement(connection: connection, path: path, sql)
    }
}
