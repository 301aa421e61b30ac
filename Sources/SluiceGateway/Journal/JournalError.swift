import GRDB
import SluiceSQLite

/// The journal's file cannot be used.
struct JournalError: Error, CustomStringConvertible {
    let problem: String
    /// Whether the file should be made again. Not so where another program holds it, there is no space, or a newer version or
    /// another program wrote it.
    var canBeMadeAgain = false

    var description: String { "the journal cannot be used: \(problem)" }
}

extension JournalError {
    init(_ error: any Error) {
        switch error {
        case let error as JournalError: self = error
        case let error as SQLiteLogError:
            self.init(problem: error.detail, canBeMadeAgain: [.corrupt, .notALog, .failed].contains(error.code))
        case let error as DatabaseError:
            let passing: [ResultCode] = [
                .SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_FULL, .SQLITE_IOERR, .SQLITE_NOMEM, .SQLITE_INTERRUPT,
                .SQLITE_CANTOPEN, .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH,
            ]
            // GRDB's own description shows SQL; only what SQLite said is taken.
            self.init(
                problem: error.message ?? "SQLite code \(error.resultCode.rawValue)",
                canBeMadeAgain: !passing.contains(error.resultCode.primaryResultCode))
        default: self.init(problem: String(describing: type(of: error)))
        }
    }
}
