import GRDB
import Sluice

/// Why an event cannot be written into the file. It is never the event's fault.
struct SQLSinkError: Error, CustomStringConvertible {
    /// A short, stable word.
    enum Code: String {
        /// Another program holds the file.
        case busy
        case damaged
        /// It is a file of another program.
        case foreign
        /// A newer version of Sluice wrote it.
        case newer
        case full
        case cannotOpen = "cannot_open"
        /// The file was deleted, or another was put in its place, while it was written.
        case gone
        /// Something other than SQLite wrote over the file.
        case overwritten
        /// Anything else that SQLite reports, such as a table that was changed.
        case failed
    }

    let code: Code
    let path: String
    let detail: String

    init(_ code: Code, path: String, _ detail: String) {
        self.code = code
        self.path = path
        self.detail = detail
    }

    init(_ error: any Error, path: String) {
        guard let error = error as? DatabaseError else {
            self.init(.failed, path: path, "\(type(of: error))")
            return
        }
        let code: Code =
            switch error.resultCode.primaryResultCode {
            case .SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_INTERRUPT, .SQLITE_ABORT, .SQLITE_NOMEM: .busy
            case .SQLITE_CORRUPT, .SQLITE_NOTADB: .damaged
            case .SQLITE_FULL: .full
            case .SQLITE_CANTOPEN, .SQLITE_PERM, .SQLITE_READONLY, .SQLITE_IOERR, .SQLITE_AUTH: .cannotOpen
            default: .failed
            }
        // GRDB's own description shows values; only what SQLite said is taken.
        self.init(code, path: path, error.message ?? "SQLite code \(error.resultCode.rawValue)")
    }

    /// Whether it may pass by itself.
    var isPassing: Bool { code == .busy || code == .gone }

    static func gone(_ path: String) -> SQLSinkError {
        SQLSinkError(.gone, path: path, "it was deleted or replaced while it was written")
    }

    /// What is in SQLite's log belongs to the file that was there before.
    static func overwritten(_ path: String) -> SQLSinkError {
        SQLSinkError(
            .overwritten, path: path,
            "it was written over while it was in use and \(path)-wal had events that it lacks; move the file away, or put a copy "
                + "of it in its place under its name")
    }

    var description: String { "the file \(path) cannot be used: \(detail)" }

    /// - Parameter hold: how long to wait before a person may have mended it.
    func handlerError(hold: Duration) -> HandlerError {
        HandlerError(
            description, reason: "sql_\(code.rawValue)",
            disposition: isPassing ? .retry() : .hold(description, for: hold))
    }
}
