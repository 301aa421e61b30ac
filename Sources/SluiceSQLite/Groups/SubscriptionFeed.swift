import Sluice
import Synchronization

/// Takes the settlements of one subscription's deliveries back to its group.
final class SubscriptionFeed: Settler {
    let id: UInt32
    let group: ConsumerGroup
    let subscription: Subscription
    let maxInFlight: Int
    let gathering: Duration
    /// What it handed out goes to the group's other subscriptions.
    private let isRetired = Atomic<Bool>(false)

    init(id: UInt32, group: ConsumerGroup, subscription: Subscription, maxInFlight: Int, gathering: Duration) {
        self.id = id
        self.group = group
        self.subscription = subscription
        self.maxInFlight = maxInFlight
        self.gathering = gathering
    }

    /// A delivery's tag holds the offset and the low bits of the generation.
    static func tag(offset: Int64, generation: UInt64) -> UInt64 {
        UInt64(bitPattern: offset) << ConsumerGroup.generationBits | generation & ConsumerGroup.generationMask
    }

    func retire() {
        isRetired.store(true, ordering: .releasing)
    }

    func owns(_ tag: UInt64) -> Bool {
        !isRetired.load(ordering: .acquiring) && group.owns(generation: tag & ConsumerGroup.generationMask)
    }

    func forgo(_ tag: UInt64) {
        group.forgo(generation: tag & ConsumerGroup.generationMask)
    }

    func shelve(_ tag: UInt64, key: [UInt8], of message: Message, origin: Delivery.Origin) {
        group.shelve(
            Int64(bitPattern: tag >> ConsumerGroup.generationBits), key: key,
            generation: tag & ConsumerGroup.generationMask, feed: id)
    }

    var keepsProgress: Bool { true }

    func noteKept(_ tag: UInt64, _ message: Message, origin: Delivery.Origin) {
        guard let progress = origin.progress else { return }
        group.note(
            Int64(bitPattern: tag >> ConsumerGroup.generationBits), progress,
            generation: tag & ConsumerGroup.generationMask)
    }

    func noteResting(_ tag: UInt64, _ message: Message, origin: Delivery.Origin) {
        noteKept(tag, message, origin: origin)
        group.note(
            Int64(bitPattern: tag >> ConsumerGroup.generationBits), isResting: true,
            generation: tag & ConsumerGroup.generationMask)
    }

    func noteTakenUp(_ tag: UInt64) {
        group.note(
            Int64(bitPattern: tag >> ConsumerGroup.generationBits), isResting: false,
            generation: tag & ConsumerGroup.generationMask)
    }

    func settle(_ tag: UInt64, _ settlement: Settlement, of message: Message, origin: Delivery.Origin) {
        if case .rejected = settlement { noteKept(tag, message, origin: origin) }
        settle(tag, settlement)
    }

    func settle(_ tag: UInt64, _ settlement: Settlement) {
        let offset = Int64(bitPattern: tag >> ConsumerGroup.generationBits)
        let generation = tag & ConsumerGroup.generationMask
        switch settlement {
        case .acknowledged: group.acknowledge(offset, generation: generation)
        case .rejected(let rejection):
            group.reject(offset, generation: generation, feed: id, delay: rejection.delay)
        }
    }
}
