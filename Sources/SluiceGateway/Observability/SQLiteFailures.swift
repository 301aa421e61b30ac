import Logging
import Sluice
import SluiceSQLite

/// Counts the commits of the log that fail, and logs when that begins and when it ends.
struct SQLiteFailures: Sendable {
    private let failures: LabelledCounters
    private let logger: Logger

    init(_ instruments: Instruments, _ logger: Logger) {
        failures = LabelledCounters(
            instruments, .sqliteFailures, label: "code", known: ["disk_full", "io", "locked", "corrupt", "read_only"])
        self.logger = logger
    }

    @Sendable func observe(_ outcome: SQLiteLog.Configuration.CommitOutcome) {
        switch outcome {
        case .failed(let error, let isFirst):
            failures.increment("\(error.code)")
            if isFirst { logger.error("the log cannot be written", metadata: ["error": "\(error)"]) }
        case .succeededAgain:
            logger.notice("the log can be written again")
        }
    }
}
