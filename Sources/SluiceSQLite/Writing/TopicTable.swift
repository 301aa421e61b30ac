import GRDB
import Sluice

/// Appends to one topic. Belongs to the writer's thread.
final class TopicTable {
    let id: Int64
    private let insert: SQLStatement
    private let position: SQLStatement
    private let latestMark: SQLStatement
    private let mark: SQLStatement
    private let path: String
    private var next: Int64 = 1
    private var transaction: UInt64 = 0
    private var markedSecond: Int64 = .min

    init(id: Int64, database: Database, path: String) throws(SQLiteLogError) {
        self.id = id
        self.path = path
        let table = Schema.table(ofTopic: id)
        insert = try SQLStatement(
            database, path: path,
            "INSERT INTO \(table) (offset, time, id, key, metadata, payload) VALUES (?, ?, ?, ?, ?, ?)")
        position = try SQLStatement(database, path: path, Self.lastOffset(topic: id))
        latestMark = try SQLStatement(database, path: path, "SELECT max(second) FROM time_marks WHERE topic = \(id)")
        mark = try SQLStatement(
            database, path: path, "INSERT OR IGNORE INTO time_marks (topic, second, offset) VALUES (\(id), ?, ?)")
    }

    /// The last offset that was given out: the table's, or what retention deleted.
    static func lastOffset(topic id: Int64) -> String {
        """
        SELECT max(ifnull((SELECT max(offset) FROM \(Schema.table(ofTopic: id))), 0),
            (SELECT deleted_through FROM topics WHERE id = \(id)))
        """
    }

    /// - Parameters:
    ///   - transaction: which one this is: at the first message of each, another process's messages are looked for.
    ///   - now: the time of the commit, shared by its messages.
    func append(
        _ message: Message, _ envelope: Envelope?, transaction: UInt64, now: Timestamp
    ) throws(SQLiteLogError) {
        if self.transaction != transaction { try start(transaction) }
        try markTime(now)
        try add(message, envelope, at: now)
    }

    /// - Parameter time: the message's own, which may be earlier than those before it.
    func restore(
        _ message: Message, _ envelope: Envelope?, transaction: UInt64, time: Timestamp
    ) throws(SQLiteLogError) {
        if self.transaction != transaction { try start(transaction) }
        try markTime(time)
        try add(message, envelope, at: time)
    }

    private func add(_ message: Message, _ envelope: Envelope?, at time: Timestamp) throws(SQLiteLogError) {
        insert.bind(next, at: 1)
        insert.bind(time.millisecondsSince1970, at: 2)
        try message.payload.withUnsafeBufferPointer { payload throws(SQLiteLogError) in
            insert.bindLent(UnsafeRawBufferPointer(payload), at: 6)
            if let envelope {
                try bind(envelope.key, at: 4) { () throws(SQLiteLogError) in
                    try bind(envelope.metadata, at: 5) { () throws(SQLiteLogError) in try run(message.id) }
                }
            } else {
                insert.bindNull(at: 4)
                insert.bindNull(at: 5)
                try run(message.id)
            }
        }
        next += 1
    }

    private func bind(
        _ bytes: [UInt8]?, at index: Int32, _ body: () throws(SQLiteLogError) -> Void
    ) throws(SQLiteLogError) {
        guard let bytes else {
            insert.bindNull(at: index)
            return try body()
        }
        try bytes.withUnsafeBufferPointer { buffer throws(SQLiteLogError) in
            insert.bindLent(UnsafeRawBufferPointer(buffer), at: index)
            try body()
        }
    }

    private func run(_ id: MessageID) throws(SQLiteLogError) {
        guard let bits = id.bits else {
            insert.bind(id.description, at: 3)
            return try insert.run()
        }
        var words = (bits.high.bigEndian, bits.low.bigEndian)
        try withUnsafeBytes(of: &words) { buffer throws(SQLiteLogError) in
            insert.bindLent(buffer, at: 3)
            try insert.run()
        }
    }

    private func start(_ transaction: UInt64) throws(SQLiteLogError) {
        let last = try position.integer() ?? 0
        guard last >= 0, last < OffsetSet.limit - 1_000_000_000 else {
            throw SQLiteLogError(.corrupt, path: path, detail: "topic \(id) holds the offset \(last)")
        }
        next = last + 1
        self.transaction = transaction
    }

    /// Where the latest time so far reaches another second with the next message, a mark finds it.
    private func markTime(_ time: Timestamp) throws(SQLiteLogError) {
        let second = time.millisecondsSince1970 / 1_000
        guard second > markedSecond else { return }
        let latest = try latestMark.integer() ?? .min
        if second > latest {
            mark.bind(second, at: 1)
            mark.bind(next, at: 2)
            try mark.run()
        }
        markedSecond = max(second, latest)
    }
}

/// What the publisher's task has prepared of a message, so that the writer's thread need not.
struct Envelope: Sendable {
    var key: [UInt8]?
    var metadata: [UInt8]?
}
