import Sluice
import Synchronization

/// Lets publishes wait for room in a producer's queue.
final class Room: Sendable {
    /// How a wait ended.
    enum Outcome {
        /// There may be room, and the caller has the turn: it must pass it on.
        case turn
        /// There may be room; whether the caller has the turn is as before.
        case tryAgain
        case cancelled, closed
    }

    private struct State {
        var queue = RoomQueue<UnsafeContinuation<Outcome, Never>>()
        var isClosed = false
    }

    private let state = Mutex(State())
    private let tickets = Atomic<UInt64>(0)
    /// Copies of the queue's, to be read without the lock.
    private let made = Atomic<UInt64>(0)
    private let hasWaiters = Atomic<Bool>(false)

    /// To be read before looking for room.
    var generation: UInt64 { made.load(ordering: .acquiring) }

    /// Whether newcomers have to queue up before they look.
    var isCrowded: Bool { hasWaiters.load(ordering: .relaxed) }

    /// Waits until there may be room. The holder of the turn loses it by any outcome but the first two.
    /// - Parameters:
    ///   - seen: the generation before the caller looked for room and found none; nil where it did not look.
    ///   - hasTurn: whether it has the turn.
    func wait(seen: UInt64?, hasTurn: Bool) async -> Outcome {
        let ticket = tickets.wrappingAdd(1, ordering: .relaxed).newValue
        return await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                var outcome: Outcome?
                let next = change { state in
                    // Checked under the lock: a cancellation that comes later finds the waiter.
                    if state.isClosed || Task.isCancelled {
                        outcome = state.isClosed ? .closed : .cancelled
                        return hasTurn ? state.queue.passOn() : nil
                    }
                    if state.queue.wait(ticket, continuation, seen: seen, hasTurn: hasTurn) == .tryAgain {
                        outcome = .tryAgain
                    }
                    return nil
                }
                next?.resume(returning: .turn)
                if let outcome { continuation.resume(returning: outcome) }
            }
        } onCancel: {
            change { $0.queue.remove(ticket) }?.resume(returning: .cancelled)
        }
    }

    /// Messages have left the queue.
    func makeRoom() {
        change { $0.queue.makeRoom() }?.resume(returning: .turn)
    }

    func passOn() {
        change { $0.queue.passOn() }?.resume(returning: .turn)
    }

    /// Ends every wait, now and later.
    func close() {
        let waiters = state.withLock { state in
            state.isClosed = true
            hasWaiters.store(false, ordering: .relaxed)
            return state.queue.removeAll()
        }
        for waiter in waiters { waiter.resume(returning: .closed) }
    }

    private func change(
        _ body: (inout State) -> UnsafeContinuation<Outcome, Never>?
    ) -> UnsafeContinuation<Outcome, Never>? {
        state.withLock { state in
            defer {
                made.store(state.queue.generation, ordering: .releasing)
                hasWaiters.store(!state.queue.isEmpty, ordering: .relaxed)
            }
            return body(&state)
        }
    }
}
