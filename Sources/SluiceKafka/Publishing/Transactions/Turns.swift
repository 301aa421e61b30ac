import DequeModule
import Synchronization

/// Lets one task at a time go on, first come, first served.
final class Turns: Sendable {
    private struct State {
        var isTaken = false
        var waiters = Deque<(ticket: UInt64, waiter: UnsafeContinuation<Bool, Never>)>()
    }

    private let state = Mutex(State())
    private let tickets = Atomic<UInt64>(0)

    /// Returns when it is the caller's turn, which it must pass on.
    /// - Throws: `CancellationError`.
    func take() async throws {
        let ticket = tickets.wrappingAdd(1, ordering: .relaxed).newValue
        let isMine = await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                let outcome = state.withLock { state -> Bool? in
                    // Checked under the lock: a cancellation that comes later finds the waiter.
                    if Task.isCancelled { return false }
                    if state.isTaken {
                        state.waiters.append((ticket, continuation))
                        return nil
                    }
                    state.isTaken = true
                    return true
                }
                if let outcome { continuation.resume(returning: outcome) }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                state.waiters.firstIndex { $0.ticket == ticket }.map { state.waiters.remove(at: $0).waiter }
            }
            waiter?.resume(returning: false)
        }
        if !isMine { throw CancellationError() }
    }

    func passOn() {
        let next = state.withLock { state in
            let next = state.waiters.popFirst()?.waiter
            state.isTaken = next != nil
            return next
        }
        next?.resume(returning: true)
    }
}
