import GRDB
import Sluice

/// Deletes messages: by age, by their topic's size, by the log's. Belongs to the writer's thread.
final class MessageSweep {
    /// What one piece deletes at most, beside the number of rows: freeing a large message reads its pages.
    private static let pieceBytes: Int64 = 64 << 20
    /// A time is off by more than this only when a clock was wrong.
    private static let day: Int64 = 86_400_000

    private let configuration: SQLiteLog.Configuration
    private let database: Database
    private let bounds: GroupBounds
    private let shelves: ShelfTable
    private let topics: SQLStatement
    private let pages: [SQLStatement]
    private var sizes: [Int64: TopicSize] = [:]
    /// Up to where a topic's oldest messages are known to have times that say nothing.
    private var undated: [Int64: Int64] = [:]

    private struct Row {
        var offset: Int64
        var time: Int64
        var size: Int64
    }

    private struct TopicState {
        var id: Int64
        var topic: Topic
        var deletedTime: Int64
        var rule: SQLiteLog.Configuration.TopicRetention?
        var bound: GroupBounds.Bound
        /// What may go by age or for the log's size, with all that groups need kept.
        var settled: Int64
    }

    init(
        _ database: Database, configuration: SQLiteLog.Configuration, registry: GroupRegistry, shelves: ShelfTable
    ) throws(SQLiteLogError) {
        self.database = database
        self.shelves = shelves
        self.configuration = configuration
        let path = configuration.path
        bounds = try GroupBounds(database, configuration: configuration, registry: registry)
        topics = try SQLStatement(database, path: path, "SELECT id, name, deleted_time FROM topics")
        var pages: [SQLStatement] = []
        for name in ["page_count", "freelist_count", "page_size"] {
            pages.append(try SQLStatement(database, path: path, "PRAGMA \(name)"))
        }
        self.pages = pages
    }

    func forgetSizes() {
        for size in sizes.values { size.reset() }
    }

    func sweep(_ piece: inout RetentionSweeper.Piece, _ now: Timestamp?) throws(SQLiteLogError) {
        let topics = try states(now)
        for topic in topics {
            guard let limit = topic.rule?.size else { continue }
            try shrink(topic, to: limit, &piece)
        }
        var oldest: (topic: TopicState, rows: [Row])?
        let excess = try usedBytes().subtractingSaturated(configuration.retention.size ?? .max)
        for topic in topics where topic.settled > 0 {
            let rows = try rows(of: topic, through: topic.settled)
            guard let first = rows.first else { continue }
            if let now, let age = topic.rule.map(\.age) ?? configuration.retention.age,
                try expire(topic, rows, age, now.millisecondsSince1970, &piece)
            {
                return
            }
            if oldest.map({ first.time < $0.rows[0].time }) ?? true { oldest = (topic, rows) }
        }
        guard excess > 0, let oldest else { return }
        let count = Self.count(of: oldest.rows, freeing: excess)
        try delete(oldest.topic, oldest.rows.prefix(count), known: 0, &piece)
    }

    private func states(_ now: Timestamp?) throws(SQLiteLogError) -> [TopicState] {
        let bounds = try bounds.read(now)
        var states: [TopicState] = []
        defer { topics.reset() }
        while try topics.step() {
            let id = topics.integer(0)
            let name = topics.text(1)
            let bound = bounds[id] ?? GroupBounds.Bound()
            let rule = configuration.retention.topics[name]
            let settled: Int64 =
                if configuration.retention.dropUnsettled {
                    .max
                } else if let settled = bound.settled {
                    settled
                } else {
                    // Without a group that counts, all may go, unless unread messages must be kept.
                    rule?.keepsUnread == true ? bound.read : .max
                }
            states.append(
                TopicState(
                    id: id, topic: Topic(name), deletedTime: topics.integer(2), rule: rule, bound: bound,
                    settled: settled))
        }
        return states
    }

    // MARK: By age

    /// Deletes the oldest messages that are older than `age`.
    ///
    /// A time in the future, or earlier than one before it, comes from a clock that was wrong. Such a message goes with
    /// the next one whose time can be believed: it neither goes too early nor holds up all behind it.
    /// - Returns: whether any was deleted.
    private func expire(
        _ topic: TopicState, _ rows: [Row], _ age: Duration, _ now: Int64, _ piece: inout RetentionSweeper.Piece
    ) throws(SQLiteLogError) -> Bool {
        let cutoff = now.subtractingSaturated(Int64(clamping: age.wholeNanoseconds / 1_000_000))
        let horizon = now.addingSaturated(Self.day)
        var known = topic.deletedTime <= horizon ? topic.deletedTime : 0
        var count = 0
        var isDated = false
        for (index, row) in rows.enumerated() {
            guard row.time <= horizon, row.time >= known.subtractingSaturated(Self.day) else { continue }
            isDated = true
            guard row.time < cutoff else { break }
            known = max(known, row.time)
            count = index + 1
        }
        let believable = known.subtractingSaturated(Self.day)...horizon
        if !isDated, try isFollowed(rows, topic, believable, before: cutoff) { count = rows.count }
        guard count > 0 else { return false }
        try delete(topic, rows.prefix(count), known: known, &piece)
        return true
    }

    /// Whether the first believable time behind a whole piece of others is old enough to let them go.
    private func isFollowed(
        _ rows: [Row], _ topic: TopicState, _ believable: ClosedRange<Int64>, before cutoff: Int64
    ) throws(SQLiteLogError) -> Bool {
        guard rows.count == Int(RetentionSweeper.pieceRows), let last = rows.last else { return false }
        let next = try SQLStatement(
            database, path: configuration.path,
            """
            SELECT offset, time FROM \(Schema.table(ofTopic: topic.id))
            WHERE offset > ? AND offset <= ? AND time BETWEEN ? AND ? ORDER BY offset LIMIT 1
            """)
        next.bind(max(last.offset, undated[topic.id] ?? 0), at: 1)
        next.bind(topic.settled, at: 2)
        next.bind(believable.lowerBound, at: 3)
        next.bind(believable.upperBound, at: 4)
        defer { next.reset() }
        guard try next.step() else {
            undated[topic.id] = try lastOffset(topic)
            return false
        }
        undated[topic.id] = next.integer(0).subtractingSaturated(1)
        return next.integer(1) < cutoff
    }

    private func lastOffset(_ topic: TopicState) throws(SQLiteLogError) -> Int64 {
        let last = try SQLStatement(
            database, path: configuration.path, "SELECT max(offset) FROM \(Schema.table(ofTopic: topic.id))")
        return min(try last.integer() ?? 0, topic.settled)
    }

    // MARK: By size

    /// Deletes the oldest messages of a topic that is larger than it may be, read or not.
    private func shrink(
        _ topic: TopicState, to limit: Int64, _ piece: inout RetentionSweeper.Piece
    ) throws(SQLiteLogError) {
        let size: TopicSize
        if let known = sizes[topic.id] {
            size = known
        } else {
            size = try TopicSize(topic: topic.id, database, path: configuration.path)
            sizes[topic.id] = size
        }
        if try size.measure() { piece.isLast = false }
        guard size.bytes > limit else { return }
        let rows = try rows(of: topic, through: .max)
        let count = Self.count(of: rows, freeing: size.bytes.subtractingSaturated(limit))
        let gone = rows.prefix(count)
        try delete(topic, gone, known: 0, &piece)
        let read = topic.bound.settled ?? topic.bound.read
        let unread = gone.count { $0.offset > read }
        if unread > 0 { piece.droppedUnread[topic.topic, default: 0] += Int64(unread) }
    }

    /// How many of the oldest rows have to go until so many bytes are free, or as many as one piece may take.
    private static func count(of rows: [Row], freeing excess: Int64) -> Int {
        var freed: Int64 = 0
        return rows.prefix { row in
            defer { freed = freed.addingSaturated(row.size) }
            return freed < min(excess, pieceBytes)
        }.count
    }

    /// What the file holds without its free pages.
    private func usedBytes() throws(SQLiteLogError) -> Int64 {
        let all = try pages[0].integer() ?? 0
        let free = try pages[1].integer() ?? 0
        let size = try pages[2].integer() ?? 0
        return all.subtractingSaturated(free).multipliedSaturated(by: size)
    }

    // MARK: The rows

    private func rows(of topic: TopicState, through offset: Int64) throws(SQLiteLogError) -> [Row] {
        let statement = try SQLStatement(
            database, path: configuration.path,
            """
            SELECT offset, time, \(TopicSize.ofRow) FROM \(Schema.table(ofTopic: topic.id))
            WHERE offset <= ? ORDER BY offset LIMIT \(RetentionSweeper.pieceRows)
            """)
        statement.bind(offset, at: 1)
        var rows: [Row] = []
        while try statement.step() {
            rows.append(Row(offset: statement.integer(0), time: statement.integer(1), size: statement.integer(2)))
        }
        return rows
    }

    /// - Parameter known: the latest believable time among them; 0 where it was not looked for.
    private func delete(
        _ topic: TopicState, _ rows: ArraySlice<Row>, known: Int64, _ piece: inout RetentionSweeper.Piece
    ) throws(SQLiteLogError) {
        guard let last = rows.last else { return }
        let path = configuration.path
        let delete = try SQLStatement(
            database, path: path, "DELETE FROM \(Schema.table(ofTopic: topic.id)) WHERE offset <= ?")
        delete.bind(last.offset, at: 1)
        try delete.run()
        let note = try SQLStatement(
            database, path: path,
            """
            UPDATE topics SET deleted_through = max(deleted_through, ?1), deleted_time = max(deleted_time, ?2)
            WHERE id = ?3
            """)
        note.bind(last.offset, at: 1)
        note.bind(known, at: 2)
        note.bind(topic.id, at: 3)
        try note.run()
        try shelves.trim(topic: topic.id, through: last.offset)
        // The last mark at or before what is gone may still be needed.
        let marks = try SQLStatement(
            database, path: path,
            """
            WITH oldest AS (SELECT second, offset FROM time_marks WHERE topic = ?1 ORDER BY second
                LIMIT \(RetentionSweeper.pieceRows + 1))
            DELETE FROM time_marks WHERE topic = ?1
                AND second < (SELECT max(second) FROM oldest WHERE offset <= ?2)
            """)
        marks.bind(topic.id, at: 1)
        marks.bind(last.offset, at: 2)
        try marks.run()
        try sizes[topic.id]?.remove(
            rows.reduce(0) { $0.addingSaturated($1.size) }, through: last.offset)
        piece.deleted += Int64(rows.count)
        piece.isLast = false
    }
}
