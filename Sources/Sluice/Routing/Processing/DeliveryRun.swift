import Synchronization

/// Consecutive deliveries that a route handles as one. It is the settler of the one that stands for them: what becomes of that
/// becomes of each.
final class DeliveryRun: Settler {
    private struct Member {
        let delivery: Delivery
        /// Another of them has the same key: it is settled with them, and not sent.
        var isRepeated = false
    }

    private let members: Mutex<[Member]>
    private let leave: @Sendable (Delivery, DeliveryOutcome) -> Void

    /// - Parameters:
    ///   - deliveries: at least one, of one source.
    ///   - leave: takes one off the books that leaves before the others.
    init(_ deliveries: some Sequence<Delivery>, leave: @escaping @Sendable (Delivery, DeliveryOutcome) -> Void) {
        members = Mutex(deliveries.map { Member(delivery: $0) })
        self.leave = leave
    }

    /// The delivery that stands for consecutive ones.
    static func delivery(
        of deliveries: ArraySlice<Delivery>, leave: @escaping @Sendable (Delivery, DeliveryOutcome) -> Void
    ) -> Delivery? {
        guard let first = deliveries.first else { return nil }
        guard deliveries.count > 1 else { return first }
        var origin = first.origin
        for delivery in deliveries.dropFirst() {
            origin.attempt = max(origin.attempt, delivery.origin.attempt)
            origin.redelivered = origin.redelivered || delivery.origin.redelivered
            // They go on together: when the last of them may.
            guard let progress = delivery.origin.progress else { continue }
            if origin.progress.map({ $0.due < progress.due }) ?? true { origin.progress = progress }
        }
        return Delivery(
            first.message, origin: origin, settler: DeliveryRun(deliveries, leave: leave), tag: 0,
            arrival: first.arrival)
    }

    /// Those that have not left it.
    var deliveries: [Delivery] { members.withLock { $0.map(\.delivery) } }

    var count: Int { members.withLock(\.count) }

    /// What is to be sent.
    var messages: [Message] {
        members.withLock { members in members.filter { !$0.isRepeated }.map(\.delivery.message) }
    }

    /// Another of them has the same key.
    func noteRepeated(_ delivery: Delivery) {
        members.withLock { members in
            guard let index = members.firstIndex(where: { $0.delivery === delivery }) else { return }
            members[index].isRepeated = true
        }
    }

    /// Some were handled before: they are settled now, and the others go on without them.
    func settle(_ handled: [Delivery], as outcome: DeliveryOutcome) {
        guard !handled.isEmpty else { return }
        let left = members.withLock { members in
            let left = members.filter { member in handled.contains { $0 === member.delivery } }
            members.removeAll { member in handled.contains { $0 === member.delivery } }
            return left
        }
        for member in left {
            member.delivery.acknowledge()
            leave(member.delivery, outcome)
        }
    }

    /// From now on each goes its own way.
    func disband() -> [Delivery] {
        members.withLock { members in
            defer { members = [] }
            return members.map(\.delivery)
        }
    }

    // MARK: Settler

    func settle(_ tag: UInt64, _ settlement: Settlement) {
        switch settlement {
        case .acknowledged: for delivery in deliveries { delivery.acknowledge() }
        case .rejected(let rejection): for delivery in deliveries { delivery.reject(rejection, nil) }
        }
    }

    func settle(_ tag: UInt64, _ settlement: Settlement, of message: Message, origin: Delivery.Origin) {
        guard case .rejected(let rejection) = settlement else { return settle(tag, settlement) }
        for delivery in deliveries { delivery.reject(rejection, origin.progress) }
    }

    func owns(_ tag: UInt64) -> Bool { members.withLock { $0.allSatisfy(\.delivery.isOurs) } }

    var keepsProgress: Bool { members.withLock { $0.first?.delivery.keepsProgress ?? false } }

    /// What is ours still must come again.
    func forgo(_ tag: UInt64) {
        for delivery in deliveries {
            if delivery.isOurs { delivery.reject() } else { delivery.forgo() }
        }
    }

    func noteKept(_ tag: UInt64, _ message: Message, origin: Delivery.Origin) {
        guard let progress = origin.progress else { return }
        for delivery in deliveries { delivery.noteKept(progress) }
    }

    func noteResting(_ tag: UInt64, _ message: Message, origin: Delivery.Origin) {
        for delivery in deliveries { delivery.noteResting(origin.progress) }
    }

    func noteTakenUp(_ tag: UInt64) {
        for delivery in deliveries { delivery.noteTakenUp() }
    }
}

extension Delivery {
    /// Those that it stands for; nil where it is one of its own.
    var run: DeliveryRun? { settler as? DeliveryRun }
}

extension HandlerContext {
    /// The messages that are handled as one, oldest first: more than one only where the route joins them (``Joining``). Those
    /// that a ``Deduplicator`` around the caller knows are not among them.
    public var messages: [Message] { route.joins ? delivery.run?.messages ?? [delivery.message] : [delivery.message] }

    /// Every one of them, also those that a ``Deduplicator`` knows, with what the broker knows of each.
    package var deliveredMessages: [(message: Message, origin: Delivery.Origin)] {
        run?.deliveries.map { ($0.message, $0.origin) } ?? [(delivery.message, delivery.origin)]
    }

    /// Whether the message stands for several (``messages``).
    public var isJoined: Bool { run != nil }

    /// Those that are handled as one; nil for a message alone.
    var run: DeliveryRun? { route.joins ? delivery.run : nil }
}

/// Messages cannot be handled as one for good: each is tried alone before any of them is given up.
struct JoinedError: DispositionError, CustomStringConvertible {
    let underlying: any Error

    var disposition: Disposition { Disposition(of: underlying) }
    var reason: String { Disposition.reason(of: underlying) }
    var description: String { "\(underlying); each of the messages is tried alone" }
}
