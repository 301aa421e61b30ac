import GRDB
import Sluice

/// Lets go of what is too old or too much, from the front.
extension JournalTables {
    /// How many rows go at once, so that what waits to be written waits for none of it.
    private static let pieceRows = 2_048
    private static let pieceOfPages: Int64 = 64
    /// How many events are kept: the newest.
    private static let mostEvents = 20_000

    /// Deletes one piece while the file holds more than `bytes`, and gives back to the disk what it has beyond that.
    /// - Returns: whether there is more to be deleted.
    func trim(to bytes: Int64) throws -> Bool {
        let (pages, free) = try pages()
        let most = max(64, bytes / JournalFile.pageSize)
        // What is free is written again before the file grows.
        var isFull = pages - free > most
        if isFull {
            try database.inTransaction {
                isFull = try deleteOldest()
                return .commit
            }
        }
        guard pages > most, free > 0 || isFull else { return isFull }
        try database.execute(sql: "PRAGMA incremental_vacuum(\(min(Self.pieceOfPages, pages - most)))")
        return true
    }

    private func pages() throws -> (all: Int64, free: Int64) {
        (
            try Int64.fetchOne(database, sql: "PRAGMA page_count") ?? 0,
            try Int64.fetchOne(database, sql: "PRAGMA freelist_count") ?? 0
        )
    }

    /// - Returns: false where there is nothing to delete.
    private func deleteOldest() throws -> Bool {
        let first = try [("entries", firstTime("entries")), ("messages", firstTime("messages"))]
            .compactMap { table, time in time.map { (table, $0) } }.min { $0.1 < $1.1 }
        guard let (table, time) = first else { return false }
        try database.execute(
            sql: "DELETE FROM \(table) WHERE number IN (SELECT number FROM \(table) ORDER BY number LIMIT ?)",
            arguments: [Self.pieceRows])
        try database.execute(
            sql: "DELETE FROM causes WHERE stretch < ?", arguments: [time / Self.stretch])
        return true
    }

    private func firstTime(_ table: String) throws -> Int64? {
        try Int64.fetchOne(database.cachedStatement(sql: "SELECT time FROM \(table) ORDER BY number LIMIT 1"))
    }

    /// Deletes one piece of what was before `time`, and of what claims to be of a future that is not believed.
    /// - Returns: whether there may be more.
    func forget(before time: Timestamp, now: Timestamp) throws -> Bool {
        let future = now.advanced(by: .seconds(86_400)).millisecondsSince1970
        var isMore = false
        try database.inTransaction {
            for table in ["entries", "messages", "events"] {
                try database.execute(
                    sql: """
                        DELETE FROM \(table) WHERE number IN (SELECT number FROM \(table) ORDER BY number LIMIT ?)
                            AND (time < ? OR time > ?)
                        """, arguments: [Self.pieceRows, time.millisecondsSince1970, future])
                isMore = isMore || database.changesCount == Self.pieceRows
            }
            try database.execute(
                sql: "DELETE FROM causes WHERE stretch < ?", arguments: [time.millisecondsSince1970 / Self.stretch])
            try database.execute(
                sql: """
                    DELETE FROM events WHERE number <=
                        (SELECT number FROM events ORDER BY number DESC LIMIT 1 OFFSET \(Self.mostEvents))
                    """)
            return .commit
        }
        return isMore
    }

    /// When the oldest attempt or message was; nil where there is none.
    func oldest() throws -> Timestamp? {
        try [firstTime("entries"), firstTime("messages")].compactMap(\.self).min()
            .map(Timestamp.init(millisecondsSince1970:))
    }

    // MARK: Processes

    /// Says that this process runs, unless the file knows; tells of those that have ended without a word.
    func begin(_ process: JournalProcess, at time: Timestamp) throws {
        try database.inTransaction {
            let open = try Row.fetchAll(
                database,
                sql: """
                    SELECT DISTINCT subject FROM (
                        SELECT subject, number FROM events WHERE kind = 'started' ORDER BY number DESC LIMIT 100) e
                    WHERE NOT EXISTS (
                        SELECT 1 FROM events f WHERE f.number > e.number AND f.subject = e.subject
                            AND f.kind IN ('stopped', 'ended_uncleanly'))
                    """)
            var isKnown = false
            for row in open {
                guard let subject = String.fromDatabaseValue(row[0]) else { continue }
                if subject == process.description {
                    isKnown = true
                } else if !JournalProcess.isAlive(subject) {
                    let last = try lastSign()
                    try write(
                        JournalEvent(
                            .endedUncleanly, subject, last.map { "its last sign was at \(RFC3339.format($0))" },
                            at: time))
                }
            }
            if !isKnown {
                try write(JournalEvent(.started, process.description, "sluice \(SluiceVersion.text)", at: time))
            }
            return .commit
        }
    }

    /// The time of the newest row.
    private func lastSign() throws -> Timestamp? {
        try ["entries", "messages", "events"].compactMap {
            try Int64.fetchOne(database, sql: "SELECT time FROM \($0) ORDER BY number DESC LIMIT 1")
        }.max().map(Timestamp.init(millisecondsSince1970:))
    }
}
