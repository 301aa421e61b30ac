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
    public let redelivery: Redelivery

    private let state: Mutex<State>
    private let onDemand: @Sendable () -> Void
    private let onEnd: @Sendable () -> Void

    private struct State {
        var buffer = Deque<Delivery>()
        var waiters = Deque<Waiter>()
        var nextWaiter: UInt64 = 0
        var starved = false
        var ended = false
        var failure: (any Error)?
    }

    private struct Waiter {
        let id: UInt64
        let limit: Int
        let continuation: UnsafeContinuation<[Delivery]?, any Error>
    }

    /// - Parameters:
    ///   - capacity: how many deliveries it holds at most. At least 1.
    ///   - onDemand: called, outside of any lock, when half of a full queue has been drained; wakes the adapter.
    ///   - onEnd: called once when the consumer cancels, so that the adapter lets go of what it holds.
    public init(
        capacity: Int = 1024, redelivery: Redelivery = .route,
        onDemand: @escaping @Sendable () -> Void = {}, onEnd: @escaping @Sendable () -> Void = {}
    ) {
        self.capacity = max(1, capacity)
        self.redelivery = redelivery
        self.onDemand = onDemand
        self.onEnd = onEnd
        state = Mutex(State())
    }
}

// MARK: The adapter's side

extension Subscription {
    /// How many more deliveries it takes now. At 0, `onDemand` will be called.
    public var room: Int {
        state.withLock { state in
            guard !state.ended else { return 0 }
            let room = capacity - state.buffer.count
            if room <= 0 { state.starved = true }
            return max(0, room)
        }
    }

    /// Appends as many deliveries as there is room for, in order, and wakes the consumer.
    /// - Returns: how many were taken; the caller keeps the rest. When it is fewer than offered, `onDemand` will be
    ///   called, unless the subscription has ended (``isEnded``).
    @discardableResult
    public func offer(_ batch: some RandomAccessCollection<Delivery>) -> Int {
        let (taken, wake) = state.withLock { state -> (Int, (Waiter, [Delivery])?) in
            guard !state.ended else { return (0, nil) }
            let taken = min(batch.count, capacity - state.buffer.count)
            state.buffer.append(contentsOf: batch.prefix(taken))
            if taken < batch.count { state.starved = true }
            return (taken, Self.match(&state))
        }
        if let (waiter, deliveries) = wake { waiter.continuation.resume(returning: deliveries) }
        return taken
    }

    /// Appends one delivery, for sources that have them one at a time: as ``offer(_:)`` with a batch of one, without
    /// the price of its generics.
    /// - Returns: whether it was taken.
    @discardableResult
    public func offer(_ delivery: Delivery) -> Bool {
        let (taken, wake) = state.withLock { state -> (Bool, (Waiter, [Delivery])?) in
            guard !state.ended else { return (false, nil) }
            guard state.buffer.count < capacity else {
                state.starved = true
                return (false, nil)
            }
            if state.buffer.isEmpty, let waiter = state.waiters.popFirst() { return (true, (waiter, [delivery])) }
            state.buffer.append(delivery)
            return (true, nil)
        }
        if let (waiter, deliveries) = wake { waiter.continuation.resume(returning: deliveries) }
        return taken
    }

    /// Ends the stream: what is buffered is still delivered, then the consumer sees the end or `error`.
    public func finish(throwing error: (any Error)? = nil) {
        let waiters = state.withLock { state -> Deque<Waiter> in
            guard !state.ended else { return [] }
            state.ended = true
            state.failure = error
            // With a consumer waiting there is nothing buffered.
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters {
            if let error { waiter.continuation.resume(throwing: error) } else { waiter.continuation.resume(returning: nil) }
        }
    }

    public var isEnded: Bool {
        state.withLock(\.ended)
    }

    /// How many deliveries wait to be drained.
    public var count: Int {
        state.withLock(\.buffer.count)
    }
}

// MARK: The consumer's side

extension Subscription {
    /// The next deliveries, in order: as many as there are, at most `limit`, at least one.
    ///
    /// Several consumers may wait; each delivery goes to one of them.
    /// - Returns: nil at the end of the stream, and when the task is cancelled.
    /// - Throws: the error with which the adapter ended the stream.
    public func next(_ limit: Int = 256) async throws -> [Delivery]? {
        if let batch = try take(limit) { return batch }
        if isEnded { return nil }
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        return try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { continuation in
                let outcome = state.withLock { state -> Result<[Delivery]?, any Error>? in
                    if !state.buffer.isEmpty { return .success(Self.drain(&state, limit)) }
                    if state.ended { return state.failure.map(Result.failure) ?? .success(nil) }
                    // Checked under the lock: a cancellation that comes later finds the waiter in the list.
                    if Task.isCancelled { return .success(nil) }
                    state.waiters.append(Waiter(id: id, limit: limit, continuation: continuation))
                    return nil
                }
                if let outcome { continuation.resume(with: outcome) }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                state.waiters.firstIndex { $0.id == id }.map { state.waiters.remove(at: $0) }
            }
            waiter?.continuation.resume(returning: nil)
        }
    }

    /// What ``next(_:)`` would give without waiting, or nil when nothing is there.
    public func take(_ limit: Int) throws -> [Delivery]? {
        let (batch, demand, wake) = try state.withLock { state -> ([Delivery]?, Bool, (Waiter, [Delivery])?) in
            if state.buffer.isEmpty, let failure = state.failure { throw failure }
            let batch = state.buffer.isEmpty ? nil : Self.drain(&state, limit)
            // Looked at even when nothing is here: a waiting consumer may have been given everything.
            let demand = state.starved && state.buffer.count <= capacity / 2
            if demand { state.starved = false }
            return (batch, demand, Self.match(&state))
        }
        if let (waiter, deliveries) = wake { waiter.continuation.resume(returning: deliveries) }
        if demand { onDemand() }
        return batch
    }

    /// Ends the stream from the consumer's side. What is buffered counts as rejected.
    public func cancel() {
        let (first, dropped, waiters) = state.withLock { state -> (Bool, Deque<Delivery>, Deque<Waiter>) in
            let first = !state.ended
            state.ended = true
            defer {
                state.buffer = []
                state.waiters = []
            }
            return (first, state.buffer, state.waiters)
        }
        for waiter in waiters { waiter.continuation.resume(returning: nil) }
        for delivery in dropped { delivery.reject() }
        if first { onEnd() }
    }

    private static func drain(_ state: inout State, _ limit: Int) -> [Delivery] {
        let count = min(max(1, limit), state.buffer.count)
        let batch = Array(state.buffer.prefix(count))
        state.buffer.removeFirst(count)
        return batch
    }

    /// Gives the first waiting consumer what is there. One at a time: whoever is woken drains, and wakes the next
    /// when something is left.
    private static func match(_ state: inout State) -> (Waiter, [Delivery])? {
        guard !state.buffer.isEmpty, let waiter = state.waiters.popFirst() else { return nil }
        return (waiter, drain(&state, waiter.limit))
    }
}
