import Sluice
import Synchronization

/// The groups that this process reads or wants to read.
final class GroupRegistry: Sendable {
    private let groups = Mutex<[ConsumerGroup]>([])

    var all: [ConsumerGroup] { groups.withLock { $0 } }

    var isEmpty: Bool { groups.withLock(\.isEmpty) }

    /// Adds a subscription to its group, which `make` creates if it is the first.
    func join(
        _ name: String, topic: Topic, maxInFlight: Int, gathering: Duration, make: () -> ConsumerGroup,
        subscription: (ConsumerGroup, _ feed: UInt32) -> Subscription
    ) -> SubscriptionFeed {
        groups.withLock { groups in
            let group: ConsumerGroup
            if let known = groups.first(where: { $0.name == name && $0.topic == topic }) {
                group = known
            } else {
                group = make()
                groups.append(group)
            }
            return group.state.withLock { state in
                let feed = SubscriptionFeed(
                    id: state.nextFeed, group: group, subscription: subscription(group, state.nextFeed),
                    maxInFlight: max(1, maxInFlight), gathering: gathering)
                state.nextFeed &+= 1
                state.deserted = nil
                state.feeds.append(feed)
                return feed
            }
        }
    }

    func find(_ name: String, of topic: Topic) -> ConsumerGroup? {
        groups.withLock { groups in groups.first { $0.name == name && $0.topic == topic } }
    }

    /// Has the group's lease kept, also without a subscription, if it is led here.
    func hold(_ name: String, of topic: Topic) -> ConsumerGroup? {
        groups.withLock { groups in
            guard let group = groups.first(where: { $0.name == name && $0.topic == topic }) else { return nil }
            return group.state.withLock { state in
                guard state.ledger != nil, state.leaseEnd > .now() else { return nil }
                state.holds += 1
                return group
            }
        }
    }

    /// Forgets the group unless a subscription has joined it in the meantime.
    func remove(_ group: ConsumerGroup) {
        groups.withLock { groups in
            guard group.state.withLock({ $0.feeds.isEmpty && $0.holds == 0 }) else { return }
            groups.removeAll { $0 === group }
        }
    }
}
