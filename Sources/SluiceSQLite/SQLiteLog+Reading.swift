public import Sluice
import Synchronization

/// How far a group is behind.
public struct SQLiteBacklog: Sendable, Equatable {
    /// How many messages it has not settled.
    public var messages: Int64
    /// How many of these the log has put aside behind others of their key.
    public var shelved: Int64 = 0
    /// When the oldest of these was published; nil when there is none.
    public var oldestPending: Timestamp?
}

/// A message read from the log for its own sake, outside of any group.
public struct LoggedMessage: Sendable, Equatable {
    public var message: Message
    public var offset: Int64
    /// When it was committed.
    public var timestamp: Timestamp
    public var key: [UInt8]?

    /// - Parameters:
    ///   - message: what was published.
    ///   - offset: means nothing where it is restored.
    ///   - timestamp: when it was committed.
    ///   - key: what keeps its order; nil where it has none.
    public init(message: Message, offset: Int64 = 0, timestamp: Timestamp, key: [UInt8]? = nil) {
        self.message = message
        self.offset = offset
        self.timestamp = timestamp
        self.key = key
    }
}

extension SQLiteLog {
    /// How far the group is behind on the topic: computed from a few rows, never by a scan. A settlement shows here
    /// when it is committed, some milliseconds later.
    /// - Returns: for a group that does not exist, what a new one would find.
    /// - Throws: ``SQLiteLogError``.
    public func backlog(group: String, topic: Topic) async throws -> SQLiteBacklog {
        try await reader.perform { loop in try loop.backlog(group: group, topic: topic) }
    }

    /// The topic's messages in order, in batches, for reports: those that are there when the reading begins.
    /// - Parameters:
    ///   - topic: which topic.
    ///   - time: begins with the first message that is not older; nil begins with the oldest.
    ///   - offset: begins behind the message of this offset. Default 0, which is before the first.
    ///   - batch: how many messages a batch holds at most. Default 512, at least 1.
    public func messages(
        in topic: Topic, from time: Timestamp? = nil, after offset: Int64 = 0, batch: Int = 512
    ) -> SQLiteMessages {
        SQLiteMessages(log: self, topic: topic, time: time, offset: max(0, offset), batch: max(1, batch))
    }

    /// The offset of the topic's last message, 0 when there is none.
    /// - Throws: ``SQLiteLogError``.
    public func lastOffset(in topic: Topic) async throws -> Int64 {
        try await reader.perform { loop in try loop.stretch(of: topic, from: nil, after: 0)?.upperBound ?? 0 }
    }

    /// Why nothing is deleted by age now; nil while the wall clock is believed.
    public var clockDoubt: String? { clock.doubt?.description }

    /// Deletes everything that the configured retention allows now, instead of waiting for its interval.
    /// - Returns: how many messages and expired keys it deleted.
    /// - Throws: ``SQLiteLogError``.
    @discardableResult
    public func retain() async throws -> Int64 {
        var deleted: Int64 = 0
        while true {
            let piece = try await writer.perform { loop in try loop.sweeper.piece() }
            // The sweeper knows only on its own thread what has been committed.
            try await writer.perform { loop in loop.sweeper.tell(piece) }
            deleted += piece.deleted
            if piece.isLast { return deleted }
        }
    }
}

/// The messages of a topic, in batches.
public struct SQLiteMessages: AsyncSequence, Sendable {
    public typealias Element = [LoggedMessage]

    let log: SQLiteLog
    let topic: Topic
    let time: Timestamp?
    let offset: Int64
    let batch: Int

    public func makeAsyncIterator() -> Iterator {
        Iterator(sequence: self)
    }

    /// Reads one batch after the other.
    public struct Iterator: AsyncIteratorProtocol {
        let sequence: SQLiteMessages
        private var stretch: ClosedRange<Int64>?
        private var hasStarted = false

        init(sequence: SQLiteMessages) {
            self.sequence = sequence
        }

        public mutating func next() async throws -> [LoggedMessage]? {
            let (topic, time, batch, offset) = (sequence.topic, sequence.time, sequence.batch, sequence.offset)
            let reader = sequence.log.reader
            if !hasStarted {
                hasStarted = true
                stretch = try await reader.perform { loop in
                    try loop.stretch(of: topic, from: time, after: offset)
                }
            }
            guard let stretch else { return nil }
            let messages = try await reader.perform { loop in
                try loop.read(topic, stretch, limit: batch)
            }
            guard let last = messages.last?.offset else {
                self.stretch = nil
                return nil
            }
            self.stretch = last < stretch.upperBound ? last + 1...stretch.upperBound : nil
            return messages
        }
    }
}

extension ReaderLoop {
    func backlog(group: String, topic: Topic) throws(SQLiteLogError) -> SQLiteBacklog {
        guard let cursor = try cursor(for: topic) else { return SQLiteBacklog(messages: 0) }
        findGroup.bind(cursor.id, at: 1)
        findGroup.bind(group, at: 2)
        var settled = OffsetSet()
        var shelved: Int64 = 0
        var first = OffsetSet.limit
        if try findGroup.step() {
            settled = findGroup.withBytes(2) { OffsetSet(through: findGroup.integer(1), ahead: $0) }
            let through = findGroup.integer(0)
            if through > settled.through { settled.insert(0...min(through, OffsetSet.limit - 1)) }
            shelved = findGroup.integer(3)
            if !findGroup.isNull(4) { first = findGroup.integer(4) }
            findGroup.reset()
            settled.insert(ascending: try SingleSettlements(group, topic).read(prepare))
        } else {
            findGroup.reset()
            settled = OffsetSet(through: try cursor.deletedThrough())
        }
        let last = try cursor.lastOffset()
        let pending =
            max(0, last.subtractingSaturated(settled.through).subtractingSaturated(settled.countAhead))
            + max(0, shelved)
        let oldest = min(settled.through, first.subtractingSaturated(1))
        return SQLiteBacklog(
            messages: pending, shelved: max(0, shelved),
            oldestPending: pending > 0 ? try cursor.time(after: oldest) : nil)
    }

    func stretch(
        of topic: Topic, from time: Timestamp?, after offset: Int64
    ) throws(SQLiteLogError) -> ClosedRange<Int64>? {
        guard let cursor = try cursor(for: topic) else { return nil }
        let last = try cursor.lastOffset()
        guard offset < last else { return nil }
        var first = offset + 1
        if let time {
            guard let found = try cursor.offset(at: time) else { return nil }
            first = max(first, found)
        }
        return first <= last ? first...last : nil
    }

    func read(
        _ topic: Topic, _ stretch: ClosedRange<Int64>, limit: Int
    ) throws(SQLiteLogError) -> [LoggedMessage] {
        guard let cursor = try cursor(for: topic) else { return [] }
        return try cursor.read(stretch, limit: limit, bytes: 4 << 20).messages.map {
            LoggedMessage(message: $0.message, offset: $0.offset, timestamp: $0.time, key: $0.key)
        }
    }
}
