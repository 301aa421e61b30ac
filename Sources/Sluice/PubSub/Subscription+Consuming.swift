import DequeModule
import Synchronization

/// The consumer's side: a route drains the deliveries, or waits for some.
extension Subscription {
    /// The next deliveries, in order: as many as there are, at most `limit`, at least one.
    ///
    /// Several consumers may wait; each delivery goes to one of them.
    /// - Parameters:
    ///   - limit: at least 1. Default 256.
    ///   - sharers: among how many consumers a backlog is shared out; each call takes one part of it.
    /// - Returns: nil at the end of the stream, and when the task is cancelled.
    /// - Throws: the error with which the adapter ended the stream.
    public func next(_ limit: Int = 256, sharers: Int = 1) async throws -> [Delivery]? {
        while true {
            if let batch = try take(limit, sharers: sharers) { return batch }
            // Not where many share: a pool of them would burn the processor.
            let mayLook = sharers == 1 && isShared
            if mayLook, look.finds({ isFilled.load(ordering: .relaxed) }), let batch = try take(limit, sharers: sharers)
            {
                return batch
            }
            let start = mayLook ? look.beginWait() : nil
            // After the end and after a cancellation, what came in the meantime is still given.
            guard await waitForDelivery() else { return try take(limit, sharers: sharers) }
            if let start { look.endWait(since: start) }
        }
    }

    /// Drops what waits to be drained, on the adapter's behalf: each rejects itself.
    package func discard() {
        var dropped = state.withLock { state in
            defer { state.buffer = DeliveryBuffer() }
            isFilled.store(state.ended || state.nudges > 0, ordering: .relaxed)
            return state.buffer
        }
        _ = dropped.removeFirst(.max).deliveries()
    }

    /// What ``next(_:sharers:)`` would give without waiting, or nil when nothing is there.
    public func take(_ limit: Int, sharers: Int = 1) throws -> [Delivery]? {
        // A reader by key has said so before.
        shelf?.decide(.plain)
        let (batch, isNudged) = try drain(limit, sharers: sharers)
        return batch ?? (isNudged ? [] : nil)
    }

    /// What waits to be drained, on the adapter's behalf.
    package func takeBack() -> [Delivery] { (try? drain(.max, isConsumer: false))?.batch ?? [] }

    private func drain(
        _ limit: Int, sharers: Int = 1, isConsumer: Bool = true
    ) throws -> (batch: [Delivery]?, isNudged: Bool) {
        let (batch, isNudged, demand, wake) = try state.withLock {
            state -> (DeliveryBuffer.Taken?, Bool, (@Sendable () -> Void)?, Wake) in
            if state.buffer.isEmpty, let failure = state.failure { throw failure }
            let batch =
                state.buffer.isEmpty
                ? nil : state.buffer.removeFirst(max(1, min(limit, state.buffer.count / max(1, sharers))))
            let isNudged = batch == nil && isConsumer && state.nudges > 0
            if isNudged { state.nudges -= 1 }
            let demand = takeDemand(&state) ? state.onDemand : nil
            isFilled.store(!state.buffer.isEmpty || state.ended || state.nudges > 0, ordering: .relaxed)
            return (batch, isNudged, demand, Self.wakeOne(&state))
        }
        wake()
        demand?()
        return (batch?.deliveries(), isNudged)
    }

    /// Has one consumer see an empty batch, so that it looks for what the consumers keep themselves: at once if one waits,
    /// else when one finds nothing to take.
    func nudge() {
        let wake = state.withLock { state in
            state.nudges += 1
            isFilled.store(true, ordering: .relaxed)
            return Self.wakeOne(&state)
        }
        wake()
    }

    /// Ends the stream from the consumer's side. What is buffered counts as rejected.
    public func cancel() {
        var (end, dropped, waiters) = state.withLock {
            state -> ((@Sendable () -> Void)?, DeliveryBuffer, [WaitList<Bool>.Waiter]) in
            let end = state.ended ? nil : state.onEnd
            if !state.ended { state.isCancelled = true }
            state.ended = true
            isFilled.store(true, ordering: .relaxed)
            defer { state.buffer = DeliveryBuffer() }
            return (end, state.buffer, state.waiters.removeAll())
        }
        for waiter in waiters { waiter.resume(returning: false) }
        dropped.removeFirst(.max).deliveries().forEach { $0.reject() }
        end?()
    }

    /// Waits until there may be something to take.
    /// - Returns: false at the end of the stream, and when the task is cancelled.
    private func waitForDelivery() async -> Bool {
        await state.wait(in: \.waiters, onCancel: false) { state in
            if !state.buffer.isEmpty || state.nudges > 0 { return true }
            return state.ended ? false : nil
        }
    }

    /// Chooses a waiting consumer when something is there. It drains when it runs, not now: what arrives until then
    /// comes with the same batch. Having drained, it wakes the next when something is left.
    static func wakeOne(_ state: inout State) -> Wake {
        !state.buffer.isEmpty || state.nudges > 0 ? Wake(waiter: state.waiters.popFirst()) : Wake()
    }
}
