import Sluice
import SluiceKafka
import SluiceSQLite
import Synchronization

/// What one topic of the queue knows of where a message is.
struct StoryQueue: Sendable {
    /// The positions of a message.
    /// - Parameter times: when it was taken in, as far as that is known.
    let find: @Sendable (_ message: MessageID, _ times: [Timestamp]) async -> [Story.Position]
    /// Where a position is for a route; nil where that is not known.
    /// - Parameter isMet: whether the route has attempted it.
    let place: @Sendable (_ position: Story.Position, _ route: String, _ isMet: Bool) async -> SQLiteMessagePlace?

    /// How much earlier than it was noted a message may have come onto the queue, and how much later.
    private static let lead: (before: Duration, after: Duration) = (.seconds(60), .seconds(5))
    /// How many messages are looked at where it is not known when it was taken in: the last.
    private static let mostMessages: Int64 = 200_000

    /// The embedded log, of which this process knows what it has in hand.
    static func log(_ log: SQLiteLog, path: String, _ topic: Topic) -> StoryQueue {
        StoryQueue(find: finder(path, topic)) { position, route, _ in
            try? await log.place(of: position.offset, group: route, topic: topic)
        }
    }

    /// The files of the embedded log alone.
    static func file(_ path: String, _ topic: Topic) -> StoryQueue {
        StoryQueue(find: finder(path, topic)) { position, route, _ in
            try? await Blocking.run {
                try SQLiteLogView(path: path).place(of: position.offset, group: route, topic: topic)
            }
        }
    }

    /// Kafka: what is committed is settled, and some of what lies beyond may be.
    static func kafka(_ queue: KafkaQueue) -> StoryQueue {
        let known = KnownPositions()
        return StoryQueue(find: { _, _ in [] }) { position, route, isMet in
            guard let partition = position.partition,
                let committed = await known.committed(by: route, in: queue)[partition]
            else { return nil }
            guard position.offset >= committed else { return SQLiteMessagePlace(.settled) }
            return SQLiteMessagePlace(isMet ? .inFlight : .unread, ahead: position.offset - committed)
        }
    }

    /// Nothing but the journal.
    static let none = StoryQueue(find: { _, _ in [] }, place: { _, _, _ in nil })

    private static func finder(
        _ path: String, _ topic: Topic
    ) -> @Sendable (MessageID, [Timestamp]) async -> [Story.Position] {
        { message, times in
            let found = try? await Blocking.run { () throws -> [(offset: Int64, time: Timestamp)] in
                let view = SQLiteLogView(path: path)
                guard let first = times.min(), let last = times.max() else {
                    return try view.offsets(of: message, in: topic, limit: Self.mostMessages)
                }
                return try view.offsets(
                    of: message, in: topic, from: first.advanced(by: .zero - Self.lead.before),
                    through: last.advanced(by: Self.lead.after))
            }
            return (found ?? []).map { Story.Position(offset: $0.offset, time: $0.time) }
        }
    }
}

/// What groups of Kafka's have committed, asked for once for all messages of a story.
private final class KnownPositions: Sendable {
    private static let memory = Duration.seconds(2)

    private let known = Mutex<[String: (time: MonotonicTime, committed: [Int32: Int64])]>([:])

    func committed(by route: String, in queue: KafkaQueue) async -> [Int32: Int64] {
        let now = MonotonicTime.now()
        if let found = known.withLock({ $0[route] }), found.time.advanced(by: Self.memory) > now {
            return found.committed
        }
        let positions = try? await queue.topics.positions(of: queue.topic(of: route), group: queue.group(of: route))
        let committed = (positions ?? [:]).compactMapValues(\.committed)
        known.withLock { $0[route] = (.now(), committed) }
        return committed
    }
}

/// Runs what blocks, such as reading a file, on a thread of its own.
enum Blocking {
    static func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withUnsafeThrowingContinuation { continuation in
            do {
                _ = try DedicatedThread(name: "sluice-look") { continuation.resume(with: Result { try body() }) }
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }
}
