import GRDB
import Sluice

/// A message as it lies in the log.
struct StoredMessage {
    var offset: Int64
    var time: Timestamp
    var key: [UInt8]?
    var message: Message
    /// Why it is no message that can be handled; nil where all is well.
    var failure: MetadataError?
    /// How often it has been handed out, the next time included.
    var attempt: UInt32 = 1

    /// As a subscription counts it.
    var size: Int { message.size + (key?.count ?? 0) }

    /// What a key is selected by.
    var origin: Delivery.Origin { Delivery.Origin(offset: offset, timestamp: time, key: key) }
}

/// Reads one topic. Belongs to the reader's thread.
final class TopicCursor {
    let id: Int64
    private let range: SQLStatement
    private let last: SQLStatement
    private let deleted: SQLStatement
    private let mark: SQLStatement
    private let timeAfter: SQLStatement
    private let firstSince: SQLStatement

    convenience init(id: Int64, database: Database, path: String) throws(SQLiteLogError) {
        try self.init(id: id) { sql throws(SQLiteLogError) in try SQLStatement(database, path: path, sql) }
    }

    init(id: Int64, prepare: (String) throws(SQLiteLogError) -> SQLStatement) throws(SQLiteLogError) {
        self.id = id
        let table = Schema.table(ofTopic: id)
        range = try prepare(
            """
            SELECT offset, time, id, key, metadata, payload FROM \(table)
            WHERE offset BETWEEN ? AND ? ORDER BY offset LIMIT ?
            """)
        last = try prepare(TopicTable.lastOffset(topic: id))
        deleted = try prepare("SELECT deleted_through FROM topics WHERE id = \(id)")
        mark = try prepare("SELECT offset FROM time_marks WHERE topic = \(id) AND second >= ? ORDER BY second LIMIT 1")
        timeAfter = try prepare("SELECT time FROM \(table) WHERE offset > ? ORDER BY offset LIMIT 1")
        firstSince = try prepare(
            "SELECT offset FROM \(table) WHERE offset >= ? AND time >= ? ORDER BY offset LIMIT 1")
    }

    struct Chunk {
        var messages: [StoredMessage]
        /// Whether the stretch holds no more.
        var isComplete: Bool
    }

    /// Reads at most `limit` messages in order; fewer when they hold more than `bytes` together, but at least one.
    func read(_ offsets: ClosedRange<Int64>, limit: Int, bytes: Int) throws(SQLiteLogError) -> Chunk {
        range.bind(offsets.lowerBound, at: 1)
        range.bind(offsets.upperBound, at: 2)
        range.bind(Int64(limit), at: 3)
        defer { range.reset() }
        var messages: [StoredMessage] = []
        messages.reserveCapacity(min(limit, 512))
        var size = 0
        while size < bytes {
            guard try range.step() else { return Chunk(messages: messages, isComplete: messages.count < limit) }
            let message = current()
            size += message.size
            messages.append(message)
        }
        return Chunk(messages: messages, isComplete: false)
    }

    private func current() -> StoredMessage {
        var id: MessageID?
        if range.isBlob(2) {
            id = range.withBytes(2) { bytes in
                guard bytes.count == 16 else { return nil }
                return MessageID(
                    high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                    low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
            }
        }
        let metadata = range.isNull(4) ? MetadataReader() : range.withBytes(4) { MetadataCoding.decode($0) }
        return StoredMessage(
            offset: range.integer(0), time: Timestamp(millisecondsSince1970: range.integer(1)),
            key: range.isNull(3) ? nil : range.bytes(3),
            message: Message(id: id ?? MessageID(range.text(2)), metadata: metadata.metadata, payload: range.bytes(5)),
            failure: metadata.isCutOff ? MetadataError() : nil)
    }

    /// The last offset that was given out; 0 when there was none.
    func lastOffset() throws(SQLiteLogError) -> Int64 {
        try last.integer() ?? 0
    }

    /// Up to where retention has deleted.
    func deletedThrough() throws(SQLiteLogError) -> Int64 {
        try deleted.integer() ?? 0
    }

    /// The time of the first message after `offset`.
    func time(after offset: Int64) throws(SQLiteLogError) -> Timestamp? {
        timeAfter.bind(offset, at: 1)
        return try timeAfter.integer().map(Timestamp.init(millisecondsSince1970:))
    }

    /// The first offset whose message is not older than `time`; nil when all are older.
    func offset(at time: Timestamp) throws(SQLiteLogError) -> Int64? {
        // Rounded down, also before 1970.
        let (quotient, remainder) = time.millisecondsSince1970.quotientAndRemainder(dividingBy: 1_000)
        mark.bind(remainder < 0 ? quotient - 1 : quotient, at: 1)
        guard let start = try mark.integer() else { return nil }
        // From here on it is a matter of one second, unless the mark's message is old enough already.
        firstSince.bind(start, at: 1)
        firstSince.bind(time.millisecondsSince1970, at: 2)
        return try firstSince.integer()
    }
}
