import GRDB
import GRDBSQLite
public import Sluice

/// Why the log could not be opened, written, or read. Names the file, never a payload.
public struct SQLiteLogError: DispositionError, CustomStringConvertible, Equatable {
    /// The kind of failure.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        /// A short, stable word.
        public let description: String

        /// The file is not an SQLite database, or one of another program. It was left as it is.
        public static let notALog = Code(description: "not_a_log")
        /// The file is damaged.
        public static let corrupt = Code(description: "corrupt")
        /// Another program held the file for longer than the busy timeout.
        public static let locked = Code(description: "locked")
        /// A newer version of Sluice wrote the file. It was left as it is.
        public static let newerSchema = Code(description: "newer_schema")
        /// No space is left. What was committed is safe; publishing works again when there is space.
        public static let diskFull = Code(description: "disk_full")
        /// The file or its directory may not be written.
        public static let readOnly = Code(description: "read_only")
        /// The file cannot be opened: its directory is missing, or permission is.
        public static let cannotOpen = Code(description: "cannot_open")
        /// Reading or writing the file failed.
        public static let io = Code(description: "io")
        /// The message is larger than SQLite takes.
        public static let tooLarge = Code(description: "too_large")
        /// The log was closed.
        public static let closed = Code(description: "closed")
        /// The file to be made is there already.
        public static let targetExists = Code(description: "target_exists")
        /// There is no such group.
        public static let unknownGroup = Code(description: "unknown_group")
        /// A living process reads for the group.
        public static let groupInUse = Code(description: "group_in_use")
        /// Anything else that SQLite reports.
        public static let failed = Code(description: "failed")
    }

    public let code: Code
    /// The file.
    public let path: String
    /// What SQLite said.
    public let detail: String

    init(_ code: Code, path: String, detail: String) {
        self.code = code
        self.path = path
        self.detail = detail
    }

    /// A result code of SQLite (<https://www.sqlite.org/rescode.html>).
    init(resultCode: Int32, message: String, path: String) {
        self.init(Self.code(of: resultCode), path: path, detail: "\(message) (SQLite code \(resultCode))")
    }

    init(_ error: any Error, path: String) {
        switch error {
        case let error as SQLiteLogError: self = error
        case let error as DatabaseError:
            // `description` of GRDB's error shows SQL and arguments; only the message is taken.
            self.init(
                resultCode: error.extendedResultCode.rawValue, message: error.message ?? "no message", path: path)
        default: self.init(.failed, path: path, detail: String(describing: type(of: error)))
        }
    }

    private static func code(of resultCode: Int32) -> Code {
        switch resultCode & 0xFF {
        case SQLITE_NOTADB: .notALog
        case SQLITE_CORRUPT: .corrupt
        case SQLITE_BUSY, SQLITE_LOCKED: .locked
        case SQLITE_FULL: .diskFull
        case SQLITE_READONLY: .readOnly
        case SQLITE_CANTOPEN, SQLITE_PERM, SQLITE_AUTH: .cannotOpen
        case SQLITE_IOERR: .io
        case SQLITE_TOOBIG: .tooLarge
        default: .failed
        }
    }

    public var description: String {
        let problem =
            switch code {
            case .notALog: "is not a Sluice log and was left untouched"
            case .corrupt: "is damaged"
            case .locked: "is locked by another program"
            case .newerSchema: "was written by a newer version of Sluice and was left untouched"
            case .diskFull: "cannot grow: no space is left"
            case .readOnly: "may not be written"
            case .cannotOpen: "cannot be opened"
            case .io: "cannot be read or written"
            case .tooLarge: "does not take a message of this size"
            case .closed: "is closed"
            case .targetExists: "exists already"
            case .unknownGroup: "has no such group"
            case .groupInUse: "is read for this group by a running process, which has to stop first"
            default: "failed"
            }
        return "the log \(path) \(problem): \(detail)"
    }

    public var disposition: Disposition {
        switch code {
        case .diskFull, .locked, .io, .closed: .retry()
        case .tooLarge: .poison(reason)
        default: .hold(description)
        }
    }

    public var reason: String { "sqlite_\(code)" }
}
