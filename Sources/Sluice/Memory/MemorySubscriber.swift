import Synchronization

/// Subscribes to topics of a ``MemoryBroker``, as a member of one consumer group or on its own.
public final class MemorySubscriber: Subscriber {
    public let name = "memory"
    public let defaultOrdering = Ordering.serial

    private struct State {
        var isClosed = false
        var subscriptions: [Subscription] = []
    }

    private let broker: MemoryBroker
    private let group: String?
    private let capacity: Int
    private let maxInFlight: Int?
    private let state = Mutex(State())

    init(_ broker: MemoryBroker, group: String?, capacity: Int, maxInFlight: Int?) {
        self.broker = broker
        self.group = group
        self.capacity = capacity
        self.maxInFlight = maxInFlight
    }

    public var time: RouterTime? { broker.time }

    public func subscribe(to topic: Topic) async throws -> Subscription {
        guard !state.withLock(\.isClosed) else { throw ClosedError("memory subscriber") }
        try ConfigurationError.unless(capacity >= 1, "MemorySubscriber.capacity", expected: "at least 1")
        try ConfigurationError.unless(maxInFlight ?? 1 >= 1, "MemorySubscriber.maxInFlight", expected: "at least 1")
        let subscription = broker.topic(topic).subscribe(
            group: group, capacity: capacity, maxInFlight: maxInFlight
        ) { [weak self] in
            self?.state.withLock { $0.subscriptions.removeAll(where: \.isEnded) }
        }
        let isOpen = state.withLock { state in
            if !state.isClosed { state.subscriptions.append(subscription) }
            return !state.isClosed
        }
        guard isOpen else {
            subscription.cancel()
            throw ClosedError("memory subscriber")
        }
        return subscription
    }

    public func close() async {
        let subscriptions = state.withLock { state in
            state.isClosed = true
            defer { state.subscriptions = [] }
            return state.subscriptions
        }
        for subscription in subscriptions { subscription.cancel() }
    }
}
