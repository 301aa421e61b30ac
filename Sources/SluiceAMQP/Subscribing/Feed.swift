import DequeModule
import Sluice
import Synchronization

/// One subscription: what was delivered for it and how that was settled, shared by its deliveries and the thread.
final class Feed: Settler {
    /// What is kept of a message while it is out, for the copy that waits when it is rejected.
    struct Original: Sendable {
        /// The encoded properties.
        let properties: [UInt8]
        let exchange: String
        let routingKey: String
        /// Nil for one that was too large to be kept.
        let body: [UInt8]?

        /// Stands for a message that there was no room for.
        static let none = Original(properties: [], exchange: "", routingKey: "", body: nil)
    }

    /// A message that its handler did not want.
    struct Rejected: Sendable {
        let tag: UInt64
        let generation: UInt64
        /// Nil when nothing went wrong and it is only handed back.
        let delay: Duration?
        let attempt: Int
        /// How far it has come; nil when it was not attempted.
        let progress: Delivery.Progress?
        let message: Message
        let original: Original
    }

    /// How the first attempt to read the queue ended.
    enum Outcome: Sendable {
        case reading
        case unavailable
        case failed(AMQPError)
    }

    /// What the thread finds to do.
    struct Work {
        /// The tags of messages that there was no room for, to be put back before anything is acknowledged.
        var putBack: [UInt64] = []
        var flush = SettlementLedger<Original>.Flush()
        var rejected: [Rejected] = []
        var outstanding = 0
        /// When to look again for acknowledgements that wait for others to share their frame with.
        var due: MonotonicTime?
    }

    private struct State {
        var generation: UInt64 = 0
        var isReading = false
        var ledger = SettlementLedger<Original>()
        var rejected: [Rejected] = []
        /// What there was no room for, in order.
        var deferred = Deque<(tag: UInt64, size: Int)>()
        /// When the acknowledgements that wait must go.
        var due: MonotonicTime?
        var outcome: Outcome?
        var failure: AMQPError?
    }

    let topic: Topic
    let layout: Layout
    let component: String
    let monitor: ConnectionMonitor
    let meter: FeedMeter?
    /// Set once, before anything is delivered.
    let subscription: Subscription
    let decided = Completion()

    private let signal: PollSignal
    /// So many acknowledgements do not wait for more.
    private let threshold: Int
    private let interval: Duration
    private let limits: (prefetchBytes: Int, messageBytes: Int)
    private let state = Mutex(State())
    /// The state's generation, to be read without the lock: deliveries of an earlier one the broker delivers again.
    private let generation = Atomic<UInt64>(0)

    init(
        _ topic: Topic, _ layout: Layout, component: String, monitor: ConnectionMonitor, meter: FeedMeter?,
        signal: PollSignal, options: AMQPSubscriber.Configuration
    ) {
        self.topic = topic
        self.layout = layout
        self.component = component
        self.monitor = monitor
        self.meter = meter
        self.signal = signal
        interval = options.settlementInterval
        limits = (options.prefetchBytes, options.maxMessageBytes)
        threshold = max(1, Int(options.prefetch) / 4)
        // The bytes are bounded here, where also those count that a handler has.
        subscription = Subscription(
            holding: Int(options.prefetch), bytes: .max, redelivery: .source, onDemand: {},
            onEnd: { signal.raise() })
    }

    // MARK: The first attempt

    func decide(_ outcome: Outcome) {
        state.withLock { state in
            if state.outcome == nil { state.outcome = outcome }
        }
        decided.occur()
    }

    var outcome: Outcome? { state.withLock(\.outcome) }

    /// Ends the subscription with what is wrong with its topology.
    func fail(_ error: AMQPError) {
        state.withLock { $0.failure = error }
        subscription.finish(throwing: error)
        decide(.failed(error))
    }

    var failure: AMQPError? { state.withLock(\.failure) }

    // MARK: Reading

    /// The queue is read from now on; deliveries made before settle nothing any more.
    func begin() {
        state.withLock { state in
            reset(&state)
            state.isReading = true
        }
    }

    /// The queue is not read any more. What still waits in the subscription will be delivered again.
    func end() {
        state.withLock { state in
            reset(&state)
            state.isReading = false
        }
        _ = try? subscription.take(.max)
    }

    private func reset(_ state: inout State) {
        state.generation = (state.generation + 1) & Self.generationMask
        generation.store(state.generation, ordering: .releasing)
        state.ledger = SettlementLedger()
        state.rejected = []
        state.deferred = []
        state.due = nil
    }

    /// A delivery's tag holds the broker's and the low bits of the generation.
    private static let tagBits: UInt64 = 48
    private static let tagMask: UInt64 = 1 << tagBits - 1
    private static let generationMask: UInt64 = 1 << (64 - tagBits) - 1

    /// Whether there is room for a message with so long a body.
    func takes(_ bodySize: UInt64) -> Bool {
        // So many of these are nothing.
        if bodySize <= 4_096 { return true }
        let size = Int(clamping: min(bodySize, UInt64(limits.messageBytes)))
        return state.withLock { Self.hasRoom(for: size, beside: $0.ledger.outstandingBytes, limits.prefetchBytes) }
    }

    private static func hasRoom(for size: Int, beside held: Int, _ limit: Int) -> Bool {
        held == 0 || size <= limit - held
    }

    /// - Parameter size: the bytes that the message holds.
    /// - Returns: the tag for the delivery; nil when the broker does not count as it should.
    func deliver(_ tag: UInt64, _ original: Original, size: Int) -> UInt64? {
        state.withLock { state in
            guard tag <= Self.tagMask, state.ledger.deliver(tag, original, size: size) else { return nil }
            return state.generation << Self.tagBits | tag
        }
    }

    /// A message came that there was no room for, and is put back when there is.
    /// - Returns: false when the broker does not count as it should.
    func `defer`(_ tag: UInt64, bodySize: UInt64) -> Bool {
        state.withLock { state in
            guard tag <= Self.tagMask, state.ledger.deliver(tag, .none) else { return false }
            state.deferred.append((tag, Int(clamping: min(bodySize, UInt64(limits.messageBytes)))))
            return true
        }
    }

    /// Takes what there is room for now.
    private static func takeDeferred(_ state: inout State, all: Bool, _ limit: Int) -> [UInt64] {
        var tags: [UInt64] = []
        var held = state.ledger.outstandingBytes
        while let next = state.deferred.first, all || hasRoom(for: next.size, beside: held, limit) {
            state.deferred.removeFirst()
            held += next.size
            if state.ledger.giveBack(next.tag) { tags.append(next.tag) }
        }
        return tags
    }

    // MARK: Settling

    var keepsProgress: Bool { true }

    func owns(_ tag: UInt64) -> Bool { generation.load(ordering: .acquiring) == tag >> Self.tagBits }

    func settle(_ tag: UInt64, _ settlement: Settlement) {
        // Only deliveries settle, and these say what they held.
    }

    func settle(_ tag: UInt64, _ settlement: Settlement, of message: Message, origin: Delivery.Origin) {
        let (generation, tag) = (tag >> Self.tagBits, tag & Self.tagMask)
        let wakes = state.withLock { state -> Bool in
            guard state.generation == generation, state.isReading else { return false }
            switch settlement {
            case .acknowledged:
                guard state.ledger.acknowledge(tag) else { return false }
                return noteAcknowledged(&state)
            case .rejected(let rejection):
                guard let original = state.ledger.original(tag) else { return false }
                state.rejected.append(
                    Rejected(
                        tag: tag, generation: generation,
                        delay: rejection.delay ?? (rejection.error == nil ? nil : .zero),
                        attempt: origin.attempt, progress: origin.progress, message: message, original: original))
                return state.rejected.count == 1
            }
        }
        if wakes { signal.raise() }
    }

    /// - Returns: whether the thread has to be woken: at the first that waits, so that it looks again in a while, and
    ///   when enough have gathered or nothing more can come.
    private func noteAcknowledged(_ state: inout State) -> Bool {
        if state.ledger.pending >= threshold || state.ledger.outstanding == 0 {
            let isNew = state.due?.nanoseconds != 0
            state.due = MonotonicTime(nanoseconds: 0)
            return isNew
        }
        guard state.due == nil else { return false }
        state.due = MonotonicTime.now().advanced(by: interval)
        return true
    }

    /// A rejected message has been taken care of: its copy waits elsewhere.
    func acknowledge(_ rejected: Rejected) {
        state.withLock { state in
            guard state.generation == rejected.generation, state.ledger.acknowledge(rejected.tag) else { return }
            _ = noteAcknowledged(&state)
        }
    }

    /// A rejected message goes back to the queue.
    /// - Returns: false when its delivery is none any more.
    func giveBack(_ rejected: Rejected) -> Bool {
        state.withLock { state in
            state.generation == rejected.generation && state.ledger.giveBack(rejected.tag)
        }
    }

    /// - Parameter now: nil to take all there is.
    func takeWork(_ now: MonotonicTime?) -> Work {
        state.withLock { state in
            var work = Work()
            // First: an acknowledgement of many must not cover these.
            if !state.deferred.isEmpty {
                work.putBack = Self.takeDeferred(&state, all: now == nil, limits.prefetchBytes)
            }
            if now.map({ now in state.due.map { $0 <= now } ?? false }) ?? true {
                work.flush = state.ledger.flush()
                state.due = nil
            }
            work.due = state.due
            work.outstanding = state.ledger.outstanding
            swap(&work.rejected, &state.rejected)
            return work
        }
    }
}
