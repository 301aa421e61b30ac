import Sluice
import SluiceSQLite
import Synchronization

/// The embedded log as the queue.
final class SQLiteQueue: EventQueue {
    /// The group whose place in the poison topic says how much of it somebody has looked at.
    private static let poisonGroup = "poison"

    static let eventsTopic: Topic = "events"
    static let poisonTopic: Topic = "poison"

    let events = SQLiteQueue.eventsTopic
    let poison = SQLiteQueue.poisonTopic
    let publisher: any Publisher
    let handled: any DeduplicationStore
    /// One process at a time leads a group, and all of them read the same store of what was handled.
    let isShared = false
    private let log: SQLiteLog
    private let subscribers = Mutex<[(route: String, subscriber: SQLiteSubscriber)]>([])

    init(_ log: SQLiteLog) {
        self.log = log
        publisher = log.publisher(key: Event.orderingKeySelector)
        handled = log.eventStore
    }

    /// A second process on the same log takes webhooks and stands by for the rest.
    var readiness: Readiness {
        let waiting = subscribers.withLock { $0 }.filter(\.subscriber.isStandingBy)
        return Readiness(notes: waiting.map { "\($0.route): stands by; another process reads the log for it" })
    }

    /// Opening the log has made everything.
    func prepare() {}

    func subscriber(for route: String) -> any Subscriber {
        let subscriber = log.subscriber(group: route)
        subscribers.withLock { $0.append((route, subscriber)) }
        return subscriber
    }

    func replay(settledBy route: String, to body: ([Message]) async throws -> Void) async throws {
        guard let settled = try await log.position(of: route, topic: events), settled > 0 else { return }
        for try await batch in log.messages(in: events) {
            let messages = batch.filter { $0.offset <= settled }.map(\.message)
            if !messages.isEmpty { try await body(messages) }
            if messages.count < batch.count { return }
        }
    }

    func backlog(of route: String) async throws -> Backlog {
        try await backlog(group: route, events)
    }

    func poisoned() async throws -> Backlog {
        try await backlog(group: Self.poisonGroup, poison)
    }

    func close() async {
        await log.close()
    }

    private func backlog(group: String, _ topic: Topic) async throws -> Backlog {
        let backlog = try await log.backlog(group: group, topic: topic)
        return Backlog(messages: [0: backlog.messages], oldest: backlog.oldestPending)
    }
}

extension SQLiteLog {
    /// GitHub redelivers within 3 days; a commit may reach another branch weeks later.
    var eventStore: any DeduplicationStore { deduplicationStore(window: .seconds(90 * 86_400)) }
}
