import Synchronization

/// A source's place for messages that wait behind another of their key.
///
/// A route that reads by key holds few messages behind one that fails: the rest goes back to the source, unhandled and
/// in order, and comes again when the key is wanted. Until a key has nothing on the shelf any more, the source puts
/// there also what is new of it, so that the key's order is kept although no process holds its messages.
///
/// The source answers each request once: with a portion of the key's messages, the last of them marked as such, or with
/// ``noteExhausted(_:)``. The route asks again only after that. Messages that were on the shelf before the route began
/// come unasked, one portion of each key.
public final class Shelf: Sendable {
    /// How the subscription is read.
    public enum Reading: Sendable {
        /// No route has read yet: what is on the shelf has to wait, and everything behind it.
        case undecided
        /// In the source's order: what is on the shelf comes first.
        case plain
        /// By these keys; nil for a message that has no order.
        case keyed(@Sendable (Message, Delivery.Origin) -> [UInt8]?)
    }

    private let current = Mutex(State())
    private let isDecided = Atomic<Bool>(false)
    /// How many deliveries the source lets the subscription have unsettled. The route holds fewer in its lanes, so that
    /// it notices when a key holds them all.
    public let maxInFlight: Int
    private let onReading: @Sendable () -> Void
    private let onRequest: @Sendable ([UInt8]) -> Void
    private let onOpen: @Sendable () -> Void
    private let allowance: Mutex<ShelfAllowance>
    /// Whether anything was put aside since a message was handled.
    private let isSpending = Atomic<Bool>(false)

    private struct State {
        var reading = Reading.undecided
        var onExhausted: @Sendable ([UInt8]) -> Void = { _ in }
        var onRestart: @Sendable () -> Void = {}
    }

    /// - Parameters:
    ///   - maxInFlight: how many deliveries the source lets the subscription have unsettled. Default: any number.
    ///   - onReading: called once, when it is decided how the subscription is read. Keys that have something on the
    ///     shelf are wanted from then on.
    ///   - onRequest: called when the next messages of a key are wanted.
    ///   - onOpen: called when more may be put aside (``isOpen(keys:)``).
    public convenience init(
        maxInFlight: Int = .max, onReading: @escaping @Sendable () -> Void,
        onRequest: @escaping @Sendable ([UInt8]) -> Void, onOpen: @escaping @Sendable () -> Void
    ) {
        self.init(.durable, maxInFlight: maxInFlight, onReading: onReading, onRequest: onRequest, onOpen: onOpen)
    }

    package init(
        _ allowance: ShelfAllowance.Configuration, maxInFlight: Int, onReading: @escaping @Sendable () -> Void,
        onRequest: @escaping @Sendable ([UInt8]) -> Void, onOpen: @escaping @Sendable () -> Void
    ) {
        self.maxInFlight = maxInFlight
        self.onReading = onReading
        self.onRequest = onRequest
        self.onOpen = onOpen
        self.allowance = Mutex(ShelfAllowance(allowance))
    }

    public var reading: Reading { current.withLock(\.reading) }

    /// The source has nothing more of a key that was wanted, and so delivers nothing that would say so.
    public func noteExhausted(_ key: [UInt8]) {
        current.withLock(\.onExhausted)(key)
    }

    /// The source has lost what it was asked for, and is asked again.
    public func noteRestart() {
        current.withLock(\.onRestart)()
    }

    /// Whether the source may put aside more. Where not, it delivers nothing that is new: everything behind it waits until
    /// a message is handled, or some time has passed.
    /// - Parameter keys: how many keys have something on the shelf.
    public func isOpen(keys: Int) -> Bool { allowance.withLock { $0.isOpen(keys: keys) } }

    /// So many messages were put aside, or given back to be.
    public func noteShelved(_ count: Int) {
        let starts = allowance.withLock { allowance in
            isSpending.store(true, ordering: .relaxed)
            return allowance.spend(count)
        }
        if starts { startTimer() }
    }

    /// A message was handled. On the path of every message.
    func noteProgress() {
        guard isSpending.load(ordering: .relaxed) else { return }
        let opens = allowance.withLock { allowance in
            isSpending.store(false, ordering: .relaxed)
            return allowance.noteProgress()
        }
        if opens { onOpen() }
    }

    private func startTimer() {
        let interval = allowance.withLock(\.configuration.interval)
        RouterTime.real.after(interval) { [weak self] in
            guard let self else { return }
            if allowance.withLock({ $0.refill() }) { startTimer() }
            onOpen()
        }
    }

    /// The first word counts.
    func decide(
        _ reading: Reading, onExhausted: @escaping @Sendable ([UInt8]) -> Void = { _ in },
        onRestart: @escaping @Sendable () -> Void = {}
    ) {
        guard !isDecided.load(ordering: .acquiring) else { return }
        let isFirst = current.withLock { current in
            guard case .undecided = current.reading else { return false }
            current = State(reading: reading, onExhausted: onExhausted, onRestart: onRestart)
            isDecided.store(true, ordering: .releasing)
            return true
        }
        if isFirst { onReading() }
    }

    func request(_ key: [UInt8]) {
        onRequest(key)
    }

    /// Where a delivery comes from.
    package enum Mark: UInt8, Sendable {
        /// Not from the shelf.
        case none
        /// From the shelf, and the next of the same portion follows.
        case within
        /// The last of a portion. The shelf has more of its key, or may have.
        case more
        /// The last of a portion. The shelf holds no more of its key.
        case last
    }
}
