import Sluice
import SluiceSQLite

/// A message of the poison queue, without its payload: what it takes to find, group and judge it.
struct PoisonedMessage: Sendable, Equatable {
    /// On Kafka.
    private(set) var partition: Int32?
    /// On the poison topic.
    let offset: Int64
    let id: String
    let cause: PoisonCause
    /// As it was said of this message.
    let reason: String
    let poisonedAt: Timestamp
    /// How often its handler was called; nil where that was not noted.
    let attempts: Int64?
    /// How often it had been put back before, and failed again.
    let rounds: Int64
    /// The kind of event that it was, as its metadata say.
    let event: String?
    /// How many bytes its payload had, where only a part of it is here.
    let truncatedFrom: Int64?

    var route: String { cause.route }

    /// What the first release wrote has the same names, and nothing else is asked for.
    init(_ logged: LoggedMessage) {
        let metadata = logged.message.metadata
        offset = logged.offset
        id = logged.message.id.description
        reason = metadata[PoisonMetadata.reason] ?? "no reason was noted"
        cause = PoisonCause(route: metadata[PoisonMetadata.handler] ?? "unknown", reason: reason)
        poisonedAt =
            metadata[PoisonMetadata.time].flatMap { Int64($0) }.map { Timestamp(millisecondsSince1970: $0) }
            ?? logged.timestamp
        attempts = metadata[PoisonMetadata.attempts].flatMap { Int64($0) }
        rounds = max(0, metadata[PoisonMetadata.rounds].flatMap { Int64($0) } ?? 0)
        event = metadata[Event.typeKey]
        truncatedFrom = metadata[PoisonMetadata.truncated].flatMap { Int64($0) }
    }

    /// - Parameter partition: on Kafka.
    init(_ logged: LoggedMessage, partition: Int32?) {
        self.init(logged)
        self.partition = partition
    }

    /// Where it is in the poison queue.
    var location: RedrivePlace { RedrivePlace(partition: partition ?? 0, offset: offset) }

    /// Where it is, for people.
    var place: String { partition.map { "\($0):\(offset)" } ?? "\(offset)" }

    /// A message as it was before it was poisoned.
    static func restored(_ message: Message) -> Message {
        var restored = message
        for name in PoisonMetadata.all + RedriveMetadata.all { restored.metadata[name] = nil }
        return restored
    }

    /// Those of a log that nothing has settled, oldest first.
    static func read(_ log: SQLiteLog) async throws -> [PoisonedMessage] {
        let settled = try await log.settled(by: SQLiteQueue.poisonGroup, of: SQLiteQueue.poisonTopic) ?? OffsetSet()
        var found: [PoisonedMessage] = []
        for try await batch in log.messages(in: SQLiteQueue.poisonTopic, after: settled.through) {
            for logged in batch where !settled.contains(logged.offset) { found.append(PoisonedMessage(logged)) }
        }
        return found
    }
}

/// What Kafka's poison queue has on messages that jobs have put there.
enum RedriveMetadata {
    /// Which step of which job it has come back from.
    static let step = "poison_step"
    /// By which command it was taken back out of a file.
    static let returned = "poison_returned"

    static let all = [step, returned]
}
