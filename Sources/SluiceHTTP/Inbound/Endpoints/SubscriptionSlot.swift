import Sluice
import Synchronization

/// Holds the one subscription of an endpoint, while there is one.
final class SubscriptionSlot: Sendable {
    enum Offer {
        case taken
        case full
        case unsubscribed
    }

    private let capacity: Int
    private let capacityBytes: Int
    private let subscription = Mutex<Subscription?>(nil)

    init(capacity: Int, capacityBytes: Int) {
        self.capacity = capacity
        self.capacityBytes = capacityBytes
    }

    func offer(_ delivery: Delivery) -> Offer {
        guard let subscription = subscription.withLock(\.self) else { return .unsubscribed }
        if subscription.offer(delivery) { return .taken }
        return subscription.isEnded ? .unsubscribed : .full
    }

    /// - Returns: nil when a subscription exists already.
    func subscribe() -> Subscription? {
        let created = Subscription(
            holding: capacity, bytes: max(1, capacityBytes), redelivery: .source,
            onEnd: { [weak self] in self?.subscription.withLock { if $0?.isEnded == true { $0 = nil } } })
        return subscription.withLock { current in
            guard current?.isEnded ?? true else { return nil }
            current = created
            return created
        }
    }

    func end() {
        subscription.withLock(\.self)?.cancel()
    }
}
