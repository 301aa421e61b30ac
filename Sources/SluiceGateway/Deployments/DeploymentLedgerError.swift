import GRDB

/// What is known of deployments cannot be read.
struct DeploymentLedgerError: Error, CustomStringConvertible {
    let path: String
    let problem: String
    /// Whether the file should be set aside and made again from the queue. Not so when another program holds it, there
    /// is no space, or a newer version wrote it.
    var canBeMadeAgain = true
    var isOfNewerVersion = false

    var description: String { "the deployments \(path) cannot be used: \(problem)" }
}

extension DeploymentLedgerError {
    init(path: String, _ error: any Error) {
        guard let error = error as? DatabaseError else {
            self.init(path: path, problem: String(describing: type(of: error)), canBeMadeAgain: false)
            return
        }
        let passing: [ResultCode] = [
            .SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_FULL, .SQLITE_IOERR, .SQLITE_NOMEM, .SQLITE_INTERRUPT,
        ]
        // GRDB's own description shows SQL; only what SQLite said is taken.
        self.init(
            path: path, problem: error.message ?? "SQLite code \(error.resultCode.rawValue)",
            canBeMadeAgain: !passing.contains(error.resultCode.primaryResultCode))
    }
}
