import DequeModule
import Synchronization

/// The bounded queue between an adapter, which feeds it in batches, and a route, which drains it in batches.
///
/// Both sides may use it from any thread. When it is full the adapter stops fetching and is told by `onDemand` when
/// there is room again.
public final class Subscription: Sendable {
    /// Who brings a rejected message back.
    public struct Redelivery: Sendable, Equatable {
        private let isSource: Bool

        /// The source cannot wait or reorder: it is told of every rejection at once, as an HTTP request is answered.
        public static let source = Redelivery(isSource: true)

        /// The route may keep a rejected message and try it again itself, which keeps the order behind it.
        public static let route = Redelivery(isSource: false)
    }

    /// How many deliveries it holds at most.
    public let capacity: Int
    /// About how many bytes of messages it holds at most; the last one may exceed that.
    public let capacityBytes: Int
    public let redelivery: Redelivery
    /// Where the source keeps what waits behind others of its key; nil where it keeps nothing.
    public let shelf: Shelf?

    let state: Mutex<State>
    /// Whether looking is worth the lock: something is there, or the stream has ended.
    let isFilled = Atomic<Bool>(false)
    let look = BriefLook()
    /// Whether another thread may fill it while a consumer looks.
    let isShared: Bool

    struct State {
        var buffer = DeliveryBuffer()
        var waiters = WaitList<Bool>()
        /// How many consumers are to look for what they keep themselves.
        var nudges = 0
        var starved = false
        var ended = false
        var failure: (any Error)?
        /// Nil until the adapter is known: what is asked for meanwhile stays asked for.
        var onDemand: (@Sendable () -> Void)?
        var onEnd: @Sendable () -> Void = {}
        /// Whether the consumer has ended it.
        var isCancelled = false
    }

    /// One that holds 1,024 deliveries and 16 MiB. The parameters are those of
    /// ``init(capacity:capacityBytes:redelivery:shelf:onDemand:onEnd:time:)``.
    public convenience init(
        redelivery: Redelivery = .route, shelf: Shelf? = nil, onDemand: (@Sendable () -> Void)? = nil,
        onEnd: @escaping @Sendable () -> Void = {}, time: RouterTime = .real
    ) {
        self.init(
            holding: 1_024, bytes: 16 << 20, redelivery: redelivery, shelf: shelf, onDemand: onDemand, onEnd: onEnd,
            time: time)
    }

    /// - Parameters:
    ///   - capacity: how many deliveries it holds at most. At least 1.
    ///   - capacityBytes: how many bytes of payload, metadata and keys these hold at most, with 256 bytes for each
    ///     delivery. One that is larger still fits where there is room at all. At least 1; default 16 MiB.
    ///   - redelivery: who brings a rejected message back. Default: the route.
    ///   - onDemand: called, outside of any lock, when half of a full queue has been drained; wakes the adapter. One that is
    ///     made after its subscription calls ``connect(onDemand:onEnd:)``.
    ///   - shelf: of a source that can keep what waits behind others of its key. Default: it cannot.
    ///   - onEnd: called once when the consumer cancels, so that the adapter lets go of what it holds.
    ///   - time: what the adapter goes by. Default: the machine's.
    /// - Throws: ``ConfigurationError`` for a capacity below 1.
    public convenience init(
        capacity: Int, capacityBytes: Int = 16 << 20, redelivery: Redelivery = .route, shelf: Shelf? = nil,
        onDemand: (@Sendable () -> Void)? = nil, onEnd: @escaping @Sendable () -> Void = {},
        time: RouterTime = .real
    ) throws(ConfigurationError) {
        try ConfigurationCheck.all(of: "Subscription") { check in
            check("capacity", capacity, in: 1...)
            check("capacityBytes", capacityBytes, in: 1...)
        }
        self.init(
            holding: capacity, bytes: capacityBytes, redelivery: redelivery, shelf: shelf, onDemand: onDemand,
            onEnd: onEnd, time: time)
    }

    /// For adapters whose own configuration says at least 1.
    package init(
        holding capacity: Int, bytes: Int = 16 << 20, redelivery: Redelivery = .route, shelf: Shelf? = nil,
        onDemand: (@Sendable () -> Void)? = nil, onEnd: @escaping @Sendable () -> Void = {},
        time: RouterTime = .real
    ) {
        self.capacity = capacity
        capacityBytes = bytes
        self.redelivery = redelivery
        self.shelf = shelf
        isShared = !time.isVirtual
        state = Mutex(State(onDemand: onDemand, onEnd: onEnd))
    }
}

// MARK: The adapter's side

extension Subscription {
    /// Says who feeds it, where that is made after it: what the initializer takes otherwise.
    ///
    /// ```swift
    /// let subscription = try Subscription(capacity: 64)
    /// let reader = Reader(file, subscription)
    /// subscription.connect(onDemand: { reader.wake() }, onEnd: { reader.stop() })
    /// ```
    ///
    /// What the subscription has asked for before is asked again, so that nothing is missed: `onDemand` is called at once
    /// when there is room and some was missing, `onEnd` when the consumer has cancelled. Call it once.
    public func connect(onDemand: @escaping @Sendable () -> Void, onEnd: @escaping @Sendable () -> Void = {}) {
        let (demand, hasEnded) = state.withLock { state in
            state.onDemand = onDemand
            state.onEnd = onEnd
            return (!state.ended && takeDemand(&state), state.isCancelled)
        }
        if demand { onDemand() }
        if hasEnded { onEnd() }
    }

    /// Whether the adapter was refused something, and there is room again; it is told once.
    func takeDemand(_ state: inout State) -> Bool {
        guard state.starved, state.onDemand != nil, state.buffer.count <= capacity / 2,
            state.buffer.size <= capacityBytes / 2
        else {
            return false
        }
        state.starved = false
        return true
    }

    /// How many more deliveries it takes now, while their bytes last (``roomBytes``). At 0, `onDemand` will be called.
    public var room: Int { rooms.count }

    /// How many more bytes it takes now. It takes deliveries until these are used up, the last one whole.
    public var roomBytes: Int { rooms.bytes }

    /// Both at once. At 0, `onDemand` will be called.
    package var rooms: (count: Int, bytes: Int) {
        state.withLock { state in
            guard !state.ended else { return (0, 0) }
            let bytes = capacityBytes - state.buffer.size
            let count = bytes > 0 ? capacity - state.buffer.count : 0
            if count <= 0 { state.starved = true }
            return (max(0, count), max(0, bytes))
        }
    }

    /// Appends as many deliveries as there is room for, in order, and wakes the consumer.
    /// - Returns: how many were taken; the caller keeps the rest. When it is fewer than offered, `onDemand` will be
    ///   called, unless the subscription has ended (``isEnded``).
    @discardableResult
    public func offer(_ batch: some RandomAccessCollection<Delivery>) -> Int {
        var rest = batch[...]
        let (taken, wake) = admit(upTo: batch.count) { buffer, limits in
            while buffer.count < limits.count, buffer.size < limits.bytes, let delivery = rest.popFirst() {
                buffer.append(delivery)
            }
        }
        wake()
        return taken
    }

    /// As ``offer(_:)`` with another collection, without the price of its generics.
    @discardableResult
    public func offer(_ batch: [Delivery]) -> Int {
        let (taken, wake) = admit(upTo: batch.count) { buffer, limits in
            for delivery in batch {
                guard buffer.count < limits.count, buffer.size < limits.bytes else { break }
                buffer.append(delivery)
            }
        }
        wake()
        return taken
    }

    /// Appends one delivery, for sources that have them one at a time: as ``offer(_:)`` with a batch of one, without
    /// the price of its generics.
    /// - Returns: whether it was taken.
    @discardableResult
    public func offer(_ delivery: Delivery) -> Bool {
        let (taken, wake) = offer(upTo: 1) { delivery }
        wake()
        return taken == 1
    }

    /// As ``offer(_:)``, for an adapter that holds a lock of its own: makes only the deliveries that there is room
    /// for, and leaves the waking to the caller, who does it after unlocking.
    /// - Parameter make: gives the next delivery; called under the subscription's lock.
    package func offer(upTo count: Int, make: () -> Delivery) -> (taken: Int, wake: Wake) {
        admit(upTo: count) { buffer, limits in
            while buffer.count < limits.count, buffer.size < limits.bytes { buffer.append(make()) }
        }
    }

    /// As ``offer(_:)``, with deliveries that are made when they are taken. The adapter has their bytes in memory anyway:
    /// that there are too many refuses none of them, only what would come after.
    /// - Returns: how many of them were taken, from the first on.
    @discardableResult
    package func offer(_ source: any LazyDeliveries, count: Int) -> Int {
        let (taken, wake) = admit(upTo: count) { $0.append(source, 0..<($1.count - $0.count)) }
        wake()
        return taken
    }

    /// As ``offer(_:)``, with deliveries whose bytes the adapter has in memory anyway: that there are too many refuses none
    /// of them.
    @discardableResult
    package func offer(held batch: [Delivery]) -> Int {
        let (taken, wake) = admit(upTo: batch.count) { buffer, limits in
            for delivery in batch.prefix(limits.count - buffer.count) { buffer.append(delivery) }
        }
        wake()
        return taken
    }

    /// - Parameter append: appends to the buffer until it holds so many deliveries, or so many bytes or more; called
    ///   under the lock.
    private func admit(
        upTo count: Int, append: (inout DeliveryBuffer, _ limits: (count: Int, bytes: Int)) -> Void
    ) -> (taken: Int, wake: Wake) {
        state.withLock { state in
            guard !state.ended, count > 0 else { return (0, Wake()) }
            let before = state.buffer.count
            append(&state.buffer, (before + min(count, capacity - before), capacityBytes))
            let taken = state.buffer.count - before
            if taken < count { state.starved = true }
            isFilled.store(true, ordering: .relaxed)
            return (taken, Self.wakeOne(&state))
        }
    }

    /// A consumer that is to be resumed.
    package struct Wake: Sendable {
        var waiter: WaitList<Bool>.Waiter?

        package var isNeeded: Bool { waiter != nil }

        package func callAsFunction() {
            waiter?.resume(returning: true)
        }
    }

    /// Ends the stream: what is buffered is still delivered, then the consumer sees the end or `error`.
    public func finish(throwing error: (any Error)? = nil) {
        let waiters = state.withLock { state -> [WaitList<Bool>.Waiter] in
            guard !state.ended else { return [] }
            state.ended = true
            isFilled.store(true, ordering: .relaxed)
            state.failure = error
            return state.waiters.removeAll()
        }
        for waiter in waiters { waiter.resume(returning: true) }
    }

    public var isEnded: Bool {
        state.withLock(\.ended)
    }

    /// How many consumers wait for a delivery.
    package var waiting: Int {
        state.withLock(\.waiters.count)
    }

    /// How many deliveries wait to be drained.
    public var count: Int {
        state.withLock(\.buffer.count)
    }
}
