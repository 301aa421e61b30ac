import Sluice
import SluiceSQLite

/// Counts the commits of the log that fail.
struct SQLiteFailures: Sendable {
    private let failures: CounterFamily

    init(_ instruments: Instruments) {
        failures = instruments.counters(
            .sqliteFailures, known: ["disk_full", "io", "locked", "corrupt", "read_only"])
    }

    @Sendable func observe(_ outcome: SQLiteLog.Configuration.CommitOutcome) {
        if case .failed(let error, _) = outcome { failures.increment("\(error.code)") }
    }
}

extension Metric {
    static let sqliteFailures = counter(
        "sluice_sqlite_commit_failures_total",
        labels: [Label("code", "`disk_full`, `io`, `locked`, `corrupt`, `read_only`, and the like")],
        help: "Commits to the embedded log that failed: of messages, settlements, leases, and probes.")
}
