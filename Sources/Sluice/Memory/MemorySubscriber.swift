import Synchronization

/// Subscribes to topics of a ``MemoryBroker``, as a member of one consumer group or on its own.
public final class MemorySubscriber: Subscriber {
    /// How a subscriber reads.
    public struct Configuration: Sendable {
        /// How many deliveries a subscription buffers, and how many messages its group keeps that it cannot deliver. At
        /// least 1; nil, the default, is the broker's ``MemoryBroker/Configuration/capacity``.
        public var capacity: Int?
        /// How many deliveries of its group may be unsettled at once. At least 1; nil, the default, is the broker's
        /// ``MemoryBroker/Configuration/maxInFlight``. The first subscription of a group decides for it.
        public var maxInFlight: Int?

        public init(capacity: Int? = nil, maxInFlight: Int? = nil) {
            self.capacity = capacity
            self.maxInFlight = maxInFlight
        }

        func validate() throws(ConfigurationError) {
            try ConfigurationCheck.all(of: "MemorySubscriber") { check in
                check("capacity", capacity, in: 1...)
                check("maxInFlight", maxInFlight, in: 1...)
            }
        }
    }

    public let name = "memory"
    public let defaultOrdering = Ordering.serial

    private struct State {
        var isClosed = false
        var subscriptions: [Subscription] = []
    }

    private let broker: MemoryBroker
    private let group: String?
    public var consumerGroup: String? { group }
    private let capacity: Int
    private let maxInFlight: Int?
    private let state = Mutex(State())

    init(_ broker: MemoryBroker, group: String?, _ configuration: Configuration) {
        self.broker = broker
        self.group = group
        capacity = configuration.capacity ?? broker.configuration.capacity
        maxInFlight = configuration.maxInFlight ?? broker.configuration.maxInFlight
    }

    public var time: RouterTime? { broker.time }

    public func subscribe(to topic: Topic) async throws -> Subscription {
        guard !state.withLock(\.isClosed) else { throw ClosedError("memory subscriber") }
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
