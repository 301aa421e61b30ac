public import Sluice

/// What a log holds of a topic.
public struct SQLiteTopicSummary: Sendable, Equatable {
    public var topic: Topic
    /// The offset of the oldest message; nil when there is none.
    public var first: Int64?
    /// The last offset that was given out; 0 before the first.
    public var last: Int64
    /// How many messages there are.
    public var messages: Int64
    /// When the oldest and the newest message were committed; nil when there is none.
    public var oldest: Timestamp?
    public var newest: Timestamp?
    /// What keys, metadata and payloads take, with some bytes for each row.
    public var bytes: Int64
    /// Whether every message was looked at for ``bytes``, or some of them, spread over the topic.
    public var isMeasured: Bool
    /// How many messages have come since each of the moments that were asked for.
    public var since: [Int64]
}

/// What a log's file takes of the disk.
public struct SQLiteFileSize: Sendable, Equatable {
    /// The file without its write-ahead log.
    public var bytes: Int64
    /// How much of it is free, to be written again.
    public var free: Int64
}

extension SQLiteLogView {
    /// What each topic holds, by name. Costs some hundred rows for each, however many there are.
    /// - Parameter moments: ``SQLiteTopicSummary/since`` counts from them on.
    /// - Throws: ``SQLiteLogError``.
    public func topics(since moments: [Timestamp] = []) throws(SQLiteLogError) -> [SQLiteTopicSummary] {
        try look { file throws(SQLiteLogError) in
            let names = try file.statement("SELECT id, name FROM topics ORDER BY name")
            var summaries: [SQLiteTopicSummary] = []
            while try names.step() {
                let sample = try TopicSample(names.integer(0), Topic(names.text(1)), file)
                summaries.append(try sample.summary(since: moments))
            }
            return summaries
        }
    }

    public func fileSize() throws(SQLiteLogError) -> SQLiteFileSize {
        try look { file throws(SQLiteLogError) in
            let page = try file.statement("PRAGMA page_size").integer() ?? 0
            let pages = try file.statement("PRAGMA page_count").integer() ?? 0
            let free = try file.statement("PRAGMA freelist_count").integer() ?? 0
            return SQLiteFileSize(bytes: pages.multipliedSaturated(by: page), free: free.multipliedSaturated(by: page))
        }
    }

    /// What the topic's messages take, each of them looked at: some bytes more for each row than there are in it.
    /// - Parameters:
    ///   - topic: which topic.
    ///   - onProgress: told through which offset it has come.
    /// - Throws: ``SQLiteLogError``.
    public func measure(
        _ topic: Topic, onProgress: (_ through: Int64) -> Void = { _ in }
    ) throws(SQLiteLogError) -> Int64 {
        var (through, bytes): (Int64, Int64) = (0, 0)
        while true {
            // A transaction for each piece: a long one would keep the write-ahead log from being emptied.
            let piece = try look { file throws(SQLiteLogError) -> (last: Int64, bytes: Int64)? in
                let find = try file.statement("SELECT id FROM topics WHERE name = ?")
                find.bind(topic.name, at: 1)
                guard let id = try find.integer() else { return nil }
                let sum = try file.statement(
                    """
                    SELECT max(offset), sum(size) FROM (SELECT offset, \(TopicSize.ofRow) AS size
                        FROM \(Schema.table(ofTopic: id)) WHERE offset > ? ORDER BY offset LIMIT 20000)
                    """)
                sum.bind(through, at: 1)
                guard try sum.step(), !sum.isNull(0) else { return nil }
                return (sum.integer(0), sum.integer(1))
            }
            guard let piece else { return bytes }
            (through, bytes) = (piece.last, bytes.addingSaturated(piece.bytes))
            onProgress(through)
        }
    }

    /// The offset of the topic's first message that is not older; nil when all are older, and when there is no such topic.
    /// - Throws: ``SQLiteLogError``.
    public func offset(of time: Timestamp, in topic: Topic) throws(SQLiteLogError) -> Int64? {
        try look { file throws(SQLiteLogError) in try file.cursor(for: topic)?.offset(at: time) }
    }
}

/// A topic, looked at here and there.
private struct TopicSample {
    /// At how many places, and how many rows at each.
    private static let places: Int64 = 64
    private static let rows: Int64 = 16

    let topic: Topic
    private let cursor: TopicCursor
    private let ends: SQLStatement
    private let sizes: SQLStatement

    init(_ id: Int64, _ topic: Topic, _ file: ReadOnlyFile.Connection) throws(SQLiteLogError) {
        self.topic = topic
        cursor = try TopicCursor(id: id, prepare: file.statement)
        let table = Schema.table(ofTopic: id)
        ends = try file.statement(
            """
            SELECT offset, time FROM (SELECT offset, time FROM \(table) ORDER BY offset LIMIT 1)
            UNION ALL SELECT offset, time FROM (SELECT offset, time FROM \(table) ORDER BY offset DESC LIMIT 1)
            """)
        sizes = try file.statement(
            """
            SELECT count(*), sum(size) FROM (SELECT \(TopicSize.ofRow) AS size FROM \(table)
                WHERE offset >= ? ORDER BY offset LIMIT ?)
            """)
    }

    func summary(since moments: [Timestamp]) throws(SQLiteLogError) -> SQLiteTopicSummary {
        var summary = SQLiteTopicSummary(
            topic: topic, last: try cursor.lastOffset(), messages: 0, bytes: 0, isMeasured: true,
            since: moments.map { _ in 0 })
        guard try ends.step() else { return summary }
        let first = ends.integer(0)
        summary.first = first
        summary.oldest = Timestamp(millisecondsSince1970: ends.integer(1))
        guard try ends.step() else { return summary }
        let newest = ends.integer(0)
        summary.newest = Timestamp(millisecondsSince1970: ends.integer(1))
        ends.reset()
        // Offsets are given out without gaps, and deleted from the front.
        summary.messages = max(0, newest.subtractingSaturated(first)).addingSaturated(1)
        for (index, moment) in moments.enumerated() {
            guard let offset = try cursor.offset(at: moment) else { continue }
            summary.since[index] = max(0, newest.subtractingSaturated(max(first, offset)).addingSaturated(1))
        }
        (summary.bytes, summary.isMeasured) = try bytes(first, summary.messages)
        return summary
    }

    private func bytes(_ first: Int64, _ messages: Int64) throws(SQLiteLogError) -> (bytes: Int64, isMeasured: Bool) {
        guard messages > Self.places * Self.rows else {
            return (try size(from: first, messages).bytes, true)
        }
        var (rows, bytes): (Int64, Int64) = (0, 0)
        for place in 0..<Self.places {
            let step = messages / Self.places
            let piece = try size(from: first.addingSaturated(step.multipliedSaturated(by: place)), Self.rows)
            rows += piece.rows
            bytes = bytes.addingSaturated(piece.bytes)
        }
        guard rows > 0 else { return (0, false) }
        return (Int64(saturating: Double(bytes) / Double(rows) * Double(messages)), false)
    }

    private func size(from offset: Int64, _ limit: Int64) throws(SQLiteLogError) -> (rows: Int64, bytes: Int64) {
        sizes.bind(offset, at: 1)
        sizes.bind(limit, at: 2)
        defer { sizes.reset() }
        guard try sizes.step() else { return (0, 0) }
        return (sizes.integer(0), sizes.integer(1))
    }
}
