internal import Sluice
import Synchronization

/// One consumer group of one topic in this process: whether it is led here, who reads it, and its ledger.
final class ConsumerGroup: Sendable {
    struct State {
        /// Its row in the file.
        var row: Int64?
        /// Which time it is that this process leads the group; deliveries of an earlier one settle nothing.
        var generation: UInt64 = 0
        /// Set while this process leads the group.
        var ledger: GroupLedger?
        /// The lease has been good until this time at least; afterwards nothing is delivered.
        var leaseEnd = MonotonicTime(nanoseconds: 0)
        var feeds: [SubscriptionFeed] = []
        var nextFeed: UInt32 = 0
        /// Deliveries handed out in this generation that nobody has settled, those of closed feeds included.
        var handedOut = 0
        /// When the last subscription went.
        var deserted: MonotonicTime?
        /// Whether the writer knows that there is something to write.
        var isAnnounced = false
        /// How many acknowledgements wake the reader, when it waits for the number in flight to sink.
        var wakeReaderAt: Int?
    }

    let topic: Topic
    let name: String
    let state = Mutex(State())

    private let writer: LogWriter
    private let readerSignal: ThreadSignal

    init(topic: Topic, name: String, writer: LogWriter, readerSignal: ThreadSignal) {
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

    func acknowledge(_ offset: Int64, generation: UInt64) {
        let (announce, wake) = state.withLock { state -> (Bool, Bool) in
            guard state.generation & Self.generationMask == generation, state.ledger != nil else {
                return (false, false)
            }
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

    func reject(_ offset: Int64, generation: UInt64, feed: UInt32, delay: Duration?) {
        let now = MonotonicTime.now()
        let (known, announce) = state.withLock { state -> (Bool, Bool) in
            guard state.generation & Self.generationMask == generation, state.ledger != nil else {
                return (false, false)
            }
            state.handedOut -= 1
            // The last one to come back lets the writer give the lease away.
            let announce = state.deserted != nil && !state.isAnnounced
            if announce { state.isAnnounced = true }
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
        state.withLock { state in
            state.generation += 1
            state.handedOut = 0
            state.wakeReaderAt = nil
            state.ledger = ledger
            state.leaseEnd = leaseEnd
        }
        readerSignal.raise()
    }

    /// Somebody else leads the group, or nobody: what was delivered here is forgotten and taken back where it still
    /// waits in a queue.
    func resign() {
        let feeds = state.withLock { state -> [SubscriptionFeed] in
            state.generation += 1
            state.handedOut = 0
            state.ledger = nil
            return state.feeds
        }
        for feed in feeds { _ = try? feed.subscription.take(.max) }
    }
}
