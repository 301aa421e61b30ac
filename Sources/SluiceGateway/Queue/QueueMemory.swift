import Logging
import Sluice
import SluiceSQLite

/// What the data directory remembers of the queue: that it was Kafka, and when it was not any more.
struct QueueMemory: Sendable {
    private static let wasKafka = "kafka was the queue"
    private static let left = "kafka was left"

    /// What the names of these facts begin with.
    static let prefix = "kafka was"

    /// Whether Kafka is the queue, as the facts of a data directory have it.
    static func saysKafka(_ facts: [String: String]) -> Bool { facts[wasKafka] != nil && facts[left] == nil }

    let log: SQLiteLog
    /// How long it is told that Kafka was left.
    let retention: Duration
    let logger: Logger

    /// Kafka is the queue.
    /// - Parameter topic: where its events are.
    func isKafka(_ topic: Topic) async throws {
        try await log.setFact(Self.left, nil)
        try await log.setFact(Self.wasKafka, topic.name)
    }

    /// The embedded log is the queue.
    /// - Returns: what to say when Kafka was the queue before: until when.
    func isLog() async throws -> (note: String, end: Timestamp)? {
        guard let topic = try await log.fact(Self.wasKafka) else { return nil }
        let left: Timestamp
        if let known = try await log.fact(Self.left).flatMap({ Int64($0) }) {
            left = Timestamp(millisecondsSince1970: known)
        } else {
            left = .now()
            try await log.setFact(Self.left, "\(left.millisecondsSince1970)")
        }
        let end = left.advanced(by: retention)
        guard end > .now() else { return nil }
        let note =
            "kafka was the queue until \(RFC3339.format(left)): what its topics \(topic) and \(topic)-poison still hold is "
            + "not delivered from here; once Kafka is the queue again it is, and what was accepted here meanwhile is moved "
            + "there; this note ends at \(RFC3339.format(end))"
        logger.warning("\(note)")
        return (note, end)
    }
}
