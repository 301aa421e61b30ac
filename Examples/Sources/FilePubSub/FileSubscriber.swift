public import Sluice
import Synchronization

/// Reads topics of a ``FileBroker`` as a member of a group.
public final class FileSubscriber: Subscriber {
    public let name = "file"
    public let defaultOrdering = Ordering.serial

    private struct State {
        var isClosed = false
        var members: [FileMember] = []
    }

    private let broker: FileBroker
    private let group: String
    private let capacity: Int
    private let state = Mutex(State())

    init(_ broker: FileBroker, group: String, capacity: Int) {
        self.broker = broker
        self.group = group
        self.capacity = capacity
    }

    public func subscribe(to topic: Topic) async throws -> Subscription {
        guard !state.withLock(\.isClosed) else { throw ClosedError("file subscriber") }
        let topic = try broker.topic(topic)
        // The subscription comes first; the member that feeds it is made with it, and then connected.
        let subscription = try Subscription(capacity: capacity)
        let member = FileMember(group: group, subscription, topic)
        subscription.connect(
            onDemand: { topic.feed() },
            onEnd: { [weak self] in
                topic.leave(member)
                self?.state.withLock { state in state.members.removeAll { $0 === member } }
            })
        try await topic.join(member)
        let isOpen = state.withLock { state in
            if !state.isClosed { state.members.append(member) }
            return !state.isClosed
        }
        guard isOpen else {
            subscription.cancel()
            throw ClosedError("file subscriber")
        }
        return subscription
    }

    public func close() async {
        let members = state.withLock { state in
            state.isClosed = true
            defer { state.members = [] }
            return state.members
        }
        for member in members { member.subscription.cancel() }
    }
}

/// A subscription in its group, and the settler of what it was given.
final class FileMember: Settler {
    let group: String
    let subscription: Subscription
    private let topic: FileTopic
    private let hasLeft = Atomic<Bool>(false)

    init(group: String, _ subscription: Subscription, _ topic: FileTopic) {
        self.group = group
        self.subscription = subscription
        self.topic = topic
    }

    func leave() { hasLeft.store(true, ordering: .releasing) }

    // Called on any thread, and must not block: the topic's queue does the work.
    func settle(_ tag: UInt64, _ settlement: Settlement) { topic.settle(self, tag, settlement) }

    // What it had in hand is another member's when it has left.
    func owns(_ tag: UInt64) -> Bool { !hasLeft.load(ordering: .acquiring) }
}
