import Sluice
import Synchronization

/// One consumer group of one topic in this process: whether it is led here, who reads it, and its ledger.
final class ConsumerGroup: Sendable {
    struct State {
        /// Its row in the file.
        var row: Int64?
        /// Which time it is that this process may hand out the group's messages; deliveries of an earlier one are not
        /// attempted any more.
        var generation: UInt64 = 0
        /// The generation with which this process began to lead the group; deliveries of an earlier one settle nothing.
        var leadingSince: UInt64 = 0
        /// Set while this process leads the group.
        var ledger: GroupLedger?
        /// The lease has been good until this time at least; afterwards nothing is delivered, nor attempted.
        var leaseEnd = MonotonicTime(nanoseconds: 0)
        var feeds: [SubscriptionFeed] = []
        var nextFeed: UInt32 = 0
        /// Deliveries handed out since this process leads that are not settled, those of closed feeds included.
        var handedOut = 0
        /// When the last subscription went.
        var deserted: MonotonicTime?
        /// How many want the lease kept, also without a subscription.
        var holds = 0
        /// Whether the writer knows that there is something to write.
        var isAnnounced = false
        /// How many acknowledgements wake the reader, when it waits for the number in flight to sink.
        var wakeReaderAt: Int?
    }

    let topic: Topic
    let name: String
    let state = Mutex(State())
    /// The state's generation, to be read before each attempt without the lock.
    private let generation = Atomic<UInt64>(0)
    /// Until when a coarse clock may say that the lease has not run out, in nanoseconds.
    private let lookEnd = Atomic<UInt64>(0)

    let writer: WriterInbox
    let readerSignal: ThreadSignal

    init(topic: Topic, name: String, writer: WriterInbox, readerSignal: ThreadSignal) {
        self.topic = topic
        self.name = name
        self.writer = writer
        self.readerSignal = readerSignal
    }

    var isLeading: Bool {
        state.withLock { $0.ledger != nil && $0.leaseEnd > .now() }
    }

    /// Not so while this process is merely late to renew its lease.
    var isStandingBy: Bool { state.withLock { $0.ledger == nil } }

    // MARK: Settlement

    /// Whether deliveries of this generation may still be attempted. The clock is read, so that a process that was
    /// paused notices as soon as it goes on that its lease has run out.
    func owns(generation: UInt64) -> Bool {
        guard self.generation.load(ordering: .acquiring) & Self.generationMask == generation else { return false }
        // Twice for each message, so a coarse look is enough while the end is far.
        if lookEnd.load(ordering: .acquiring) > MonotonicTime.coarseNow().nanoseconds { return true }
        return !lapse(.now())
    }

    /// The lease has run out: what is in handlers' hands may be handed out by another process. Should the lease be
    /// renewed after all, everything that is not settled is read again, in its order.
    /// - Returns: false when it was renewed in the meantime.
    private func lapse(_ now: MonotonicTime) -> Bool {
        state.withLock { state in
            guard state.leaseEnd <= now else { return false }
            guard let ledger = state.ledger else { return true }
            begin(&state)
            state.ledger = ledger.restarted()
            state.wakeReaderAt = nil
            return true
        }
    }

    /// What was delivered until now is not ours any more.
    private func begin(_ state: inout State) {
        state.generation &+= 1
        generation.store(state.generation, ordering: .releasing)
    }

    /// Another attempt at the delivery was not ours to make.
    func forgo(generation: UInt64) {
        let announce = state.withLock { state in Self.isLedSince(generation, state) && takeBack(&state) }
        if announce { writer.announce(self) }
    }

    /// Whether this process has led the group without a break since it handed out deliveries of this generation.
    static func isLedSince(_ generation: UInt64, _ state: State) -> Bool {
        let age = (state.generation &- generation) & generationMask
        return state.ledger != nil && age <= state.generation &- state.leadingSince
    }

    /// A delivery has come back unhandled.
    /// - Returns: whether the writer has to be told: the last one lets it give the lease away.
    func takeBack(_ state: inout State) -> Bool {
        state.handedOut -= 1
        guard state.deserted != nil, !state.isAnnounced else { return false }
        state.isAnnounced = true
        return true
    }

    func acknowledge(_ offset: Int64, generation: UInt64) {
        let (announce, wake) = state.withLock { state -> (Bool, Bool) in
            // Also where the lease had lapsed meanwhile and no process has taken it: it was handled.
            guard Self.isLedSince(generation, state) else { return (false, false) }
            state.handedOut -= 1
            _ = state.ledger?.acknowledge(offset)
            let announce = !state.isAnnounced
            state.isAnnounced = true
            let wake = state.wakeReaderAt.map { (state.ledger?.notedCount ?? 0) >= $0 } ?? false
            if wake { state.wakeReaderAt = nil }
            return (announce, wake)
        }
        if announce { writer.announce(self) }
        if wake { readerSignal.raise() }
    }

    /// A message waits for its next attempt: how far it has come is written with what is settled.
    func note(_ offset: Int64, _ progress: Delivery.Progress, generation: UInt64) {
        let announce = state.withLock { state -> Bool in
            guard Self.isLedSince(generation, state) else { return false }
            state.ledger?.note(offset, progress)
            defer { state.isAnnounced = true }
            return !state.isAnnounced
        }
        if announce { writer.announce(self) }
    }

    /// A message rests in a route without an order, or no longer does. The reader must not wait for it to be settled.
    func note(_ offset: Int64, isResting: Bool, generation: UInt64) {
        let wake = state.withLock { state -> Bool in
            guard state.generation & Self.generationMask == generation else { return false }
            state.ledger?.note(offset, isResting: isResting)
            guard isResting else { return false }
            defer { state.wakeReaderAt = nil }
            return state.wakeReaderAt != nil
        }
        if wake { readerSignal.raise() }
    }

    func reject(_ offset: Int64, generation: UInt64, feed: UInt32, delay: Duration?) {
        let now = MonotonicTime.now()
        let (known, announce) = state.withLock { state -> (Bool, Bool) in
            guard Self.isLedSince(generation, state) else { return (false, false) }
            let announce = takeBack(&state)
            guard state.generation & Self.generationMask == generation else { return (false, announce) }
            return (state.ledger?.reject(offset, feed: feed, after: delay, now: now) ?? false, announce)
        }
        if announce { writer.announce(self) }
        if known { readerSignal.raise() }
    }

    /// A delivery's tag holds the offset and the low bits of the generation.
    static let generationBits: UInt64 = 16
    static let generationMask: UInt64 = 1 << generationBits - 1

    // MARK: Leading

    /// This process leads the group from now on, with what the file says was settled.
    func lead(_ ledger: GroupLedger, until leaseEnd: MonotonicTime) {
        let feeds = state.withLock { state in
            begin(&state)
            state.leadingSince = state.generation
            state.handedOut = 0
            state.wakeReaderAt = nil
            state.ledger = ledger
            extend(&state, until: leaseEnd)
            return state.feeds
        }
        for feed in feeds { feed.subscription.shelf?.noteRestart() }
        readerSignal.raise()
    }

    /// The lease was renewed.
    func extend(until leaseEnd: MonotonicTime) {
        state.withLock { extend(&$0, until: leaseEnd) }
    }

    private func extend(_ state: inout State, until leaseEnd: MonotonicTime) {
        state.leaseEnd = leaseEnd
        lookEnd.store(
            leaseEnd.nanoseconds.subtractingSaturated(MonotonicTime.coarseness.wholeNanoseconds), ordering: .releasing)
    }

    /// Nothing that was delivered until now settles anything any more, or is attempted again. Call it under the lock of a
    /// group that is led and not subscribed to.
    func forgetDelivered(_ state: inout State) {
        begin(&state)
        state.leadingSince = state.generation
        state.handedOut = 0
        state.wakeReaderAt = nil
        state.ledger = state.ledger?.restarted()
    }

    /// The group goes on behind this offset, as the file says now.
    func move(to settled: Int64) {
        state.withLock { state in
            guard let ledger = state.ledger else { return }
            begin(&state)
            state.leadingSince = state.generation
            state.ledger = GroupLedger(
                settled: OffsetSet(through: settled), deliveredBefore: max(ledger.deliveredBefore, ledger.cursor))
        }
        readerSignal.raise()
    }

    /// Another process leads the group, or none does: what was delivered here is forgotten and taken back where it still
    /// waits in a queue.
    func resign() {
        let feeds = state.withLock { state -> [SubscriptionFeed] in
            begin(&state)
            state.leadingSince = state.generation
            state.handedOut = 0
            state.ledger = nil
            return state.feeds
        }
        for feed in feeds { feed.subscription.discard() }
    }
}
