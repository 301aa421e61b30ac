import ServiceLifecycle
import Sluice
import SluiceHTTP
import Synchronization

/// Opens the port of the webhooks once every path is read, so that the first request finds a route behind it.
///
/// Where that takes longer, because the queue cannot be used yet, it opens all the same: a sender that gets 503 with
/// `Retry-After` knows more than one that is refused a connection.
final class IntakeDoor: Service {
    let listener: HTTPListener
    /// What the routes read from.
    let subscriber: any Subscriber
    private let subscribed: AsyncStream<Void>
    private let patience: Duration
    private let onOpen: @Sendable () -> Void

    /// - Parameters:
    ///   - topics: the paths to wait for.
    ///   - onOpen: called when the port is open.
    ///   - patience: how long the routes have to subscribe before the port opens without them.
    init(
        _ listener: HTTPListener, _ subscriber: any Subscriber, awaiting topics: Set<Topic>,
        patience: Duration = .seconds(3), onOpen: @escaping @Sendable () -> Void = {}
    ) {
        self.patience = patience
        self.onOpen = onOpen
        let (subscribed, continuation) = AsyncStream<Void>.makeStream()
        self.listener = listener
        self.subscribed = subscribed
        self.subscriber = AnnouncingSubscriber(subscriber, awaiting: topics) { continuation.finish() }
    }

    func run() async throws {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in self.subscribed {} }
            group.addTask { try? await Task.sleep(for: self.patience) }
            group.addTask { try? await gracefulShutdown() }
            await group.next()
            group.cancelAll()
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.listener.run() }
            group.addTask {
                if (try? await self.listener.port()) != nil { self.onOpen() }
            }
            try await group.waitForAll()
        }
    }
}

/// A subscriber that says when each of some topics has been subscribed to.
private final class AnnouncingSubscriber: Subscriber {
    private let subscriber: any Subscriber
    private let awaited: Mutex<Set<Topic>>
    private let announce: @Sendable () -> Void

    init(_ subscriber: any Subscriber, awaiting topics: Set<Topic>, announce: @escaping @Sendable () -> Void) {
        self.subscriber = subscriber
        awaited = Mutex(topics)
        self.announce = announce
        if topics.isEmpty { announce() }
    }

    var name: String { subscriber.name }
    var messagingSystem: String { subscriber.messagingSystem }
    var consumerGroup: String? { subscriber.consumerGroup }
    var time: RouterTime? { subscriber.time }
    var defaultOrdering: Ordering { subscriber.defaultOrdering }

    func subscribe(to topic: Topic) async throws -> Subscription {
        let subscription = try await subscriber.subscribe(to: topic)
        let isLast = awaited.withLock { $0.remove(topic) != nil && $0.isEmpty }
        if isLast { announce() }
        return subscription
    }

    func close() async {
        await subscriber.close()
    }
}
