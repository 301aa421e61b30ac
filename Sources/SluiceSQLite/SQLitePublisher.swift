public import Sluice
import Synchronization

extension SQLiteLog {
    /// A publisher to this log.
    /// - Parameter key: what keeps the order of messages in `.perKey` routes. Default: none.
    public func publisher(key: KeySelector = .none) -> SQLitePublisher {
        SQLitePublisher(self, key)
    }
}

/// Appends messages to a ``SQLiteLog``.
public final class SQLitePublisher: Publisher {
    /// What SQLite takes at most for a blob, with some room for the rest of the row.
    private static let largest = 999_000_000

    public let name = "sqlite"
    private let log: SQLiteLog
    private let key: KeySelector
    private let isClosed = Atomic<Bool>(false)

    init(_ log: SQLiteLog, _ key: KeySelector) {
        self.log = log
        self.key = key
    }

    /// Returns when the messages are committed and fsynced, all of them in one commit.
    /// - Throws: ``SQLiteLogError``, after which none of them is in the log; `ClosedError`; `CancellationError` when
    ///   the task was cancelled before the messages' turn came.
    public func publish(_ messages: [Message], to topic: Topic) async throws {
        guard !isClosed.load(ordering: .acquiring) else { throw ClosedError("sqlite publisher") }
        guard !messages.isEmpty else { return }
        try await log.writer.append(WriterInbox.Part(topic: topic, messages: messages, envelopes: envelopes(messages)))
    }

    /// The same for messages of several topics: all of them in one commit.
    public func publish(_ parts: [(messages: [Message], topic: Topic)]) async throws {
        guard !isClosed.load(ordering: .acquiring) else { throw ClosedError("sqlite publisher") }
        let all = try parts.filter { !$0.messages.isEmpty }.map { messages, topic in
            WriterInbox.Part(topic: topic, messages: messages, envelopes: try envelopes(messages))
        }
        guard let first = all.first else { return }
        try await log.writer.append(first, Array(all.dropFirst()))
    }

    /// Appends messages with the times and the keys that they have, as they were read from a log; each gets an offset of this
    /// log. Returns when they are committed and fsynced, all of them in one commit.
    ///
    /// Retention goes by these times: what is older than it keeps goes with its next sweep.
    /// - Throws: as ``publish(_:to:)``.
    public func restore(_ messages: [LoggedMessage], to topic: Topic) async throws {
        guard !isClosed.load(ordering: .acquiring) else { throw ClosedError("sqlite publisher") }
        guard !messages.isEmpty else { return }
        let envelopes = try messages.map { logged throws(SQLiteLogError) in
            try envelope(of: logged.message, key: logged.key)
        }
        try await log.writer.perform { loop in
            loop.provesHealth = true
            let table = try loop.table(for: topic)
            for (logged, envelope) in zip(messages, envelopes) {
                try table.restore(
                    logged.message, envelope, transaction: loop.transaction, time: logged.timestamp)
            }
        }
    }

    /// - Throws: ``SQLiteLogError`` for a message that is too large.
    private func envelope(of message: Message, key: [UInt8]?) throws(SQLiteLogError) -> Envelope {
        if message.payload.count > Self.largest {
            throw SQLiteLogError(.tooLarge, path: log.configuration.path, detail: "\(message.payload.count) bytes")
        }
        // What could not be read again is refused.
        if let excess = MetadataLimits.excess(of: message.metadata) {
            throw SQLiteLogError(.tooLarge, path: log.configuration.path, detail: "\(excess)")
        }
        return Envelope(key: key, metadata: MetadataCoding.encode(message.metadata))
    }

    /// Empty when no message has anything beside its payload.
    private func envelopes(_ messages: [Message]) throws(SQLiteLogError) -> [Envelope] {
        var envelopes: [Envelope] = []
        for (index, message) in messages.enumerated() {
            let envelope = try envelope(of: message, key: key(message))
            if envelopes.isEmpty, envelope.key != nil || envelope.metadata != nil {
                envelopes.reserveCapacity(messages.count)
                envelopes.append(contentsOf: repeatElement(Envelope(), count: index))
            } else if envelopes.isEmpty {
                continue
            }
            envelopes.append(envelope)
        }
        return envelopes
    }

    /// Returns when what is being published is committed.
    public func close() async {
        guard !isClosed.exchange(true, ordering: .acquiringAndReleasing) else { return }
        // Requests are taken in order: whatever was asked before is done when this is. A closed log has done it all.
        try? await log.writer.perform { _ in }
    }
}
