import GRDB
import Sluice

extension SQLiteLog {
    /// How much a probe writes while the last commit has failed: as much as a batch of events may need, so that what is
    /// left of a full disk does not let the probe through where events do not fit.
    private static let suspiciousBytes = 256 << 10
    private static let ordinaryBytes = 64

    /// Why the last commit failed, of messages, settlements, leases or a probe; nil when it succeeded.
    public var failure: SQLiteLogError? { writer.health.failure }

    /// For how long no message and no probe was committed, or tried to be.
    public var idleTime: Duration {
        .nanoseconds(MonotonicTime.now().nanoseconds(since: writer.health.lastProof))
    }

    /// Writes and fsyncs as an append would, without leaving a message. Its outcome is ``failure``.
    /// - Throws: ``SQLiteLogError``.
    public func probe() async throws {
        let bytes = failure == nil ? Self.ordinaryBytes : Self.suspiciousBytes
        try await writer.perform { loop in
            loop.provesHealth = true
            try loop.database.execute(
                sql: "INSERT OR REPLACE INTO facts (name, value) VALUES ('probe', randomblob(?))", arguments: [bytes])
        }
    }
}
