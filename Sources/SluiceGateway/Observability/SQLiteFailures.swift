import Logging
import Sluice
import SluiceSQLite

/// Counts the commits of the log that fail, and logs when that begins and when it ends.
struct SQLiteFailures: Sendable {
    private let failures: CounterFamily
    private let logger: Logger

    init(_ instruments: Instruments, _ logger: Logger) {
        failures = instruments.counters(
            .sqliteFailures, known: ["disk_full", "io", "locked", "corrupt", "read_only"])
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

extension Metric {
    static let sqliteFailures = counter(
        "sluice_sqlite_commit_failures_total",
        labels: [Label("code", "`disk_full`, `io`, `locked`, `corrupt`, `read_only`, and the like")],
        help: "Commits to the embedded log that failed: of messages, settlements, leases, and probes.")
}
