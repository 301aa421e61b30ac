import Sluice
import Synchronization

/// Takes the settlements of one partition's deliveries back to its ledger, for as long as this process has the
/// partition: a later assignment has a feed of its own, so that what comes late settles nothing.
final class PartitionFeed: Settler {
    let partition: Int32
    let ledger: Mutex<PartitionLedger>
    /// Whether the client may have records of the partition.
    let hasRecords = Atomic<Bool>(true)
    private let load: ConsumerLoad
    /// Whether another member may have the partition: what handlers have not begun by then is not theirs any more.
    private let isRevoked = Atomic<Bool>(false)

    init(_ partition: Int32, from start: SettledOffsets?, load: ConsumerLoad) {
        self.partition = partition
        self.load = load
        ledger = Mutex(PartitionLedger(start))
    }

    /// librdkafka's thread says that there are records where there were none.
    func noteRecords() {
        hasRecords.store(true, ordering: .releasing)
        load.signal.raise()
    }

    func owns(_ tag: UInt64) -> Bool { !isRevoked.load(ordering: .acquiring) && load.isPresent }

    /// Nothing more of the partition is attempted. What is in a handler's hands may still be acknowledged.
    func revoke() {
        isRevoked.store(true, ordering: .releasing)
    }

    /// A rejection comes with its message.
    func settle(_ tag: UInt64, _ settlement: Settlement) {
        guard case .acknowledged = settlement else { return }
        let (change, counts) = ledger.withLock { ledger in
            (ledger.acknowledge(Int64(clamping: tag)), !ledger.isAbandoned)
        }
        if counts { load.settled(change) }
    }

    func settle(_ tag: UInt64, _ settlement: Settlement, of message: Message, origin: Delivery.Origin) {
        switch settlement {
        case .acknowledged: settle(tag, settlement)
        case .rejected(let rejection):
            let now = MonotonicTime.now()
            let change = ledger.withLock {
                $0.reject(Int64(clamping: tag), message, origin, after: rejection.delay, now: now)
            }
            if !change.isEmpty { load.rejected() }
        }
    }

    func noteKept(_ tag: UInt64, _ message: Message, origin: Delivery.Origin) {
        ledger.withLock { $0.noteKept(Int64(clamping: tag), message, origin) }
    }

    func noteResting(_ tag: UInt64, _ message: Message, origin: Delivery.Origin) {
        ledger.withLock { $0.rest(Int64(clamping: tag)) }
        load.rested()
    }

    func noteTakenUp(_ tag: UInt64) {
        ledger.withLock { $0.takeUp(Int64(clamping: tag)) }
    }

    func abandon() {
        load.forget(ledger.withLock { $0.abandon() })
        load.shelf.forget(self)
    }

    // MARK: The shelf

    func shelve(_ tag: UInt64, key: [UInt8], of message: Message, origin: Delivery.Origin) {
        load.shelf.put(KafkaShelf.Item(place: tag, feed: self, message: message, origin: origin), key)
    }

    /// Called by the shelf, which takes it.
    /// - Returns: false where the partition is not ours any more.
    func shelve(_ place: UInt64) -> Bool {
        let isOurs = ledger.withLock { $0.shelve() }
        if isOurs { load.forget(1) }
        return isOurs
    }

    /// What is on the shelf is about to be delivered again.
    /// - Returns: false where the partition is not ours any more.
    func unshelve() -> Bool {
        let isOurs = ledger.withLock { $0.unshelve() }
        if isOurs { load.deliver(1) }
        return isOurs
    }
}

/// The settler of one batch's deliveries.
///
/// Each delivery holds on to its settler: the thread that makes a batch and the one that frees it would contend for the
/// feed's reference count at every message, if it were the feed.
final class BatchSettler: Settler {
    private let feed: PartitionFeed

    init(_ feed: PartitionFeed) {
        self.feed = feed
    }

    func owns(_ tag: UInt64) -> Bool { feed.owns(tag) }

    var keepsProgress: Bool { true }

    func noteKept(_ tag: UInt64, _ message: Message, origin: Delivery.Origin) {
        feed.noteKept(tag, message, origin: origin)
    }

    func noteResting(_ tag: UInt64, _ message: Message, origin: Delivery.Origin) {
        feed.noteResting(tag, message, origin: origin)
    }

    func noteTakenUp(_ tag: UInt64) { feed.noteTakenUp(tag) }

    func shelve(_ tag: UInt64, key: [UInt8], of message: Message, origin: Delivery.Origin) {
        feed.shelve(tag, key: key, of: message, origin: origin)
    }

    func settle(_ tag: UInt64, _ settlement: Settlement) {
        feed.settle(tag, settlement)
    }

    func settle(_ tag: UInt64, _ settlement: Settlement, of message: Message, origin: Delivery.Origin) {
        feed.settle(tag, settlement, of: message, origin: origin)
    }
}

/// How much a consumer has delivered that is not settled, and when its thread wants to know of settlements.
final class ConsumerLoad: Sendable {
    let signal = ThreadSignal()
    let shelf = KafkaShelf()
    private let unsettled = Atomic<Int>(0)
    /// At how many unsettled messages the thread goes on; -1 when it does not wait for that.
    private let threshold = Atomic<Int>(-1)
    /// Whether the thread waits for what is in hand.
    private let isDraining = Atomic<Bool>(false)
    /// How long the group waits for this member, and when its thread last ran, in nanoseconds.
    private let patience: UInt64
    private let coarsePatience: UInt64
    private let lastTurn = Atomic<UInt64>(0)

    /// - Parameter patience: nil where there is no group.
    init(patience: Duration? = nil) {
        self.patience = patience?.wholeNanoseconds ?? .max
        coarsePatience = self.patience.subtractingSaturated(MonotonicTime.coarseness.wholeNanoseconds)
        noteTurn(.now())
    }

    /// Whether the thread ran lately. A process that was paused for long has lost its partitions: its thread, the client
    /// and the handlers wake up together, so the first of them has to see that by the clock.
    ///
    /// Asked twice for each message, so it takes a coarse look: it may say "no" a moment too soon.
    var isPresent: Bool {
        guard patience != .max else { return true }
        let turn = MonotonicTime(nanoseconds: lastTurn.load(ordering: .acquiring))
        return MonotonicTime.coarseNow().nanoseconds(since: turn) <= coarsePatience
    }

    func wasAbsent(_ now: MonotonicTime) -> Bool {
        now.nanoseconds(since: MonotonicTime(nanoseconds: lastTurn.load(ordering: .acquiring))) > patience
    }

    func noteTurn(_ now: MonotonicTime) {
        lastTurn.store(now.nanoseconds, ordering: .releasing)
    }

    var count: Int { unsettled.load(ordering: .sequentiallyConsistent) }

    func deliver(_ count: Int) {
        unsettled.wrappingAdd(count, ordering: .acquiringAndReleasing)
    }

    func settled(_ change: PartitionLedger.Change) {
        let left = unsettled.wrappingSubtract(1, ordering: .sequentiallyConsistent).newValue
        let threshold = threshold.load(ordering: .sequentiallyConsistent)
        if threshold >= 0, left <= threshold {
            self.threshold.store(-1, ordering: .releasing)
            signal.raise()
        } else if change.contains(.commit) || (change.contains(.empty) && isDraining.load(ordering: .acquiring)) {
            signal.raise()
        }
    }

    /// A rejected message waits, unsettled, and the thread has to know until when.
    func rejected() {
        signal.raise()
    }

    /// A message is in no handler's hands any more, and takes no room behind it: the thread may wait for either.
    func rested() {
        signal.raise()
    }

    /// So many messages belong to others now.
    func forget(_ count: Int) {
        unsettled.wrappingSubtract(count, ordering: .acquiringAndReleasing)
    }

    /// The thread wants to be woken when no more than so many messages are unsettled.
    /// - Returns: whether that is the case already.
    func wake(at count: Int) -> Bool {
        threshold.store(count, ordering: .sequentiallyConsistent)
        return self.count <= count
    }

    func setDraining(_ value: Bool) {
        isDraining.store(value, ordering: .sequentiallyConsistent)
    }
}
