import GRDB
import Sluice

extension DeploymentLedger {
    /// An event, as the queue gave it.
    struct Record: Sendable {
        let event: Event
        let id: MessageID
        /// When the queue took it.
        let receipt: Timestamp
    }

    /// Takes events in, all of them or none: one transaction for many is what a commit costs.
    /// - Returns: for each, in order, what is new of it; nil for one that was known.
    func record(_ records: [Record]) async throws -> [Entry?] {
        let entries = try await perform { database in
            try records.map { record in
                try Self.record(record.event, id: record.id, receivedAt: record.receipt, database)
            }
        }
        note { changes in
            for (record, entry) in zip(records, entries) where entry != nil { changes.note(record.event) }
        }
        return entries
    }
}
