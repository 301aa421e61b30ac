import Sluice

/// A reader that comes while the queue is in use: it gets its position, durably, before it first reads. Until that has come
/// about its route waits and tries again, as for a broker that is away.
final class IntroducedSubscriber: Subscriber {
    private let subscriber: any Subscriber
    private let introduce: @Sendable () async throws -> Void

    init(_ subscriber: any Subscriber, introduce: @escaping @Sendable () async throws -> Void) {
        self.subscriber = subscriber
        self.introduce = introduce
    }

    var name: String { subscriber.name }
    var messagingSystem: String { subscriber.messagingSystem }
    var consumerGroup: String? { subscriber.consumerGroup }
    var defaultOrdering: Ordering { subscriber.defaultOrdering }
    var time: RouterTime? { subscriber.time }

    /// A reader that has a position keeps it: to introduce it once more changes nothing.
    func subscribe(to topic: Topic) async throws -> Subscription {
        try await introduce()
        return try await subscriber.subscribe(to: topic)
    }

    func close() async {
        await subscriber.close()
    }
}
