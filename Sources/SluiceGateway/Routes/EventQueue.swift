import Sluice
import SluiceSQLite

/// The durable queue in the middle, whatever broker it is.
struct EventQueue: Sendable {
    /// Where every event goes.
    static let events: Topic = "events"
    /// Where messages go that can never be delivered.
    static let poison: Topic = "poison"
    /// The group whose place in the poison topic says how much of it somebody has looked at.
    static let poisonGroup = "poison"

    let publisher: any Publisher
    /// A subscriber for a consumer group.
    let subscriber: @Sendable (_ group: String) -> any Subscriber
    /// Which messages each route has handled.
    let handled: any DeduplicationStore
    /// How many messages a group has not settled, and since when the oldest waits.
    let backlog: @Sendable (_ group: String, Topic) async throws -> (messages: Int64, oldest: Timestamp?)

    /// The embedded log.
    static func sqlite(_ log: SQLiteLog) -> EventQueue {
        EventQueue(
            publisher: log.publisher(key: .metadata(Event.repositoryKey)),
            subscriber: { log.subscriber(group: $0) },
            // GitHub redelivers within 3 days; a commit may reach another branch weeks later.
            handled: log.deduplicationStore(window: .seconds(90 * 86_400)),
            backlog: { group, topic in
                let backlog = try await log.backlog(group: group, topic: topic)
                return (backlog.messages, backlog.oldestPending)
            })
    }
}
