internal import GRDB
internal import Sluice

/// Deletes what need not be kept, in pieces so small that nobody waits for one. Belongs to the writer's thread.
final class RetentionSweeper {
    private static let pieceRows: Int64 = 1_000
    /// Under load, when the thread is never idle, a piece is done this often.
    private static let pressure = Duration.milliseconds(20)

    private let configuration: SQLiteLog.Configuration
    private let isNeeded: Bool
    private let topics: SQLStatement
    private let purgeKeys: SQLStatement
    private let pages: [SQLStatement]
    private let database: Database
    /// When the next sweep begins, or the running one goes on.
    private(set) var due: MonotonicTime?
    private var isSweeping = false
    private var lastPiece = MonotonicTime(nanoseconds: 0)

    init(_ database: Database, configuration: SQLiteLog.Configuration) throws(SQLiteLogError) {
        self.database = database
        self.configuration = configuration
        let path = configuration.path
        isNeeded = configuration.retention.age != nil || configuration.retention.size != nil
        topics = try SQLStatement(
            database, path: path,
            """
            SELECT t.id, t.deleted_through, (SELECT min(settled_through) FROM groups g WHERE g.topic = t.id)
            FROM topics t
            """)
        purgeKeys = try SQLStatement(
            database, path: path,
            """
            DELETE FROM handled_keys WHERE (scope, key) IN
                (SELECT scope, key FROM handled_keys WHERE expires <= ? ORDER BY expires LIMIT \(Self.pieceRows))
            """)
        var pages: [SQLStatement] = []
        for name in ["page_count", "freelist_count", "page_size"] {
            pages.append(try SQLStatement(database, path: path, "PRAGMA \(name)"))
        }
        self.pages = pages
        // Never at the start, which has to be quick.
        due = MonotonicTime.now().advanced(by: configuration.retention.interval)
    }

    /// Whether a piece should be done although there is other work.
    func isPressing(_ now: MonotonicTime) -> Bool {
        due.map { $0 <= now } ?? false && lastPiece.advanced(by: Self.pressure) <= now
    }

    /// Does one piece of what is due.
    /// - Returns: false when nothing is left to be done now.
    @discardableResult
    func sweepPiece(_ now: MonotonicTime, in session: WriterSession) -> Bool {
        guard let due, due <= now else { return false }
        lastPiece = now
        var deleted: Int64 = 0
        do {
            try session.transact { deleted = try piece() }
        } catch {
            // A full disk or a locked file: tried again at the next sweep.
            deleted = 0
        }
        if deleted > 0 { return true }
        self.due = now.advanced(by: configuration.retention.interval)
        return false
    }

    /// Deletes one piece. Call inside a transaction.
    /// - Returns: how many rows it deleted; 0 at the end of the sweep.
    func piece() throws(SQLiteLogError) -> Int64 {
        purgeKeys.bind(Timestamp.now().millisecondsSince1970, at: 1)
        try purgeKeys.run()
        let purged = Int64(purgeKeys.changes)
        return isNeeded ? try purged + deleteMessages() : purged
    }

    // MARK: Messages

    private struct Candidate {
        var topic: Int64
        var oldest: Int64
        var offsets: [(offset: Int64, time: Int64, size: Int64)]
    }

    private func deleteMessages() throws(SQLiteLogError) -> Int64 {
        let now = Timestamp.now().millisecondsSince1970
        let cutoff = configuration.retention.age.map { now - Int64(clamping: $0.wholeNanoseconds / 1_000_000) }
        let excess = try usedBytes() - (configuration.retention.size ?? .max)
        let candidates = try candidates()
        for candidate in candidates {
            // A time in the future comes from a clock that was wrong: such a message must not hold up all behind it.
            let old = candidate.offsets.prefix { message in
                cutoff.map { message.time < $0 || message.time > now + 86_400_000 } ?? false
            }
            if let last = old.last {
                return try delete(candidate.topic, through: last.offset, last.time, count: old.count)
            }
        }
        guard excess > 0, let oldest = candidates.min(by: { $0.oldest < $1.oldest }) else { return 0 }
        var freed: Int64 = 0
        let surplus = oldest.offsets.prefix { message in
            defer { freed += message.size }
            return freed < excess
        }
        guard let last = surplus.last else { return 0 }
        return try delete(oldest.topic, through: last.offset, last.time, count: surplus.count)
    }

    private func candidates() throws(SQLiteLogError) -> [Candidate] {
        var bounds: [(topic: Int64, deleted: Int64, through: Int64)] = []
        defer { topics.reset() }
        while try topics.step() {
            let isFree = topics.isNull(2) || configuration.retention.dropUnsettled
            bounds.append((topics.integer(0), topics.integer(1), isFree ? .max : topics.integer(2)))
        }
        var candidates: [Candidate] = []
        for bound in bounds where bound.deleted < bound.through {
            let rows = try SQLStatement(
                database, path: configuration.path,
                """
                SELECT offset, time, length(payload) FROM \(Schema.table(ofTopic: bound.topic))
                WHERE offset <= ? ORDER BY offset LIMIT \(Self.pieceRows)
                """)
            rows.bind(bound.through, at: 1)
            var offsets: [(Int64, Int64, Int64)] = []
            while try rows.step() { offsets.append((rows.integer(0), rows.integer(1), rows.integer(2))) }
            if let first = offsets.first {
                candidates.append(Candidate(topic: bound.topic, oldest: first.1, offsets: offsets))
            }
        }
        return candidates
    }

    private func delete(
        _ topic: Int64, through offset: Int64, _ time: Int64, count: Int
    ) throws(SQLiteLogError) -> Int64 {
        let path = configuration.path
        let delete = try SQLStatement(
            database, path: path, "DELETE FROM \(Schema.table(ofTopic: topic)) WHERE offset <= ?")
        delete.bind(offset, at: 1)
        try delete.run()
        let note = try SQLStatement(
            database, path: path,
            "UPDATE topics SET deleted_through = max(deleted_through, ?) WHERE id = ?")
        note.bind(offset, at: 1)
        note.bind(topic, at: 2)
        try note.run()
        // Marks of earlier seconds lead to offsets that are gone; the one of this second may still be needed.
        let marks = try SQLStatement(
            database, path: path,
            """
            DELETE FROM time_marks WHERE topic = ?1 AND second IN
                (SELECT second FROM time_marks WHERE topic = ?1 AND second < ?2 ORDER BY second LIMIT \(Self.pieceRows))
            """)
        marks.bind(topic, at: 1)
        marks.bind(time / 1_000, at: 2)
        try marks.run()
        return Int64(count)
    }

    /// What the file holds without its free pages.
    private func usedBytes() throws(SQLiteLogError) -> Int64 {
        let all = try pages[0].integer() ?? 0
        let free = try pages[1].integer() ?? 0
        let size = try pages[2].integer() ?? 0
        return (all - free) * size
    }
}
