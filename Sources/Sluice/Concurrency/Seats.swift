import Synchronization

/// So many at once; others wait for their turn, the longest waiting first.
package final class Seats: Sendable {
    private struct State {
        var free: Int
        var waiting = WaitList<Result<Void, any Error>>()
    }

    private let state: Mutex<State>

    package init(_ count: Int) {
        state = Mutex(State(free: count))
    }

    /// Returns when the caller has a seat, which it must give back.
    /// - Throws: `CancellationError` when the task is cancelled while it waits.
    package func take() async throws {
        try await state.wait(in: \.waiting) { state in
            guard state.free > 0 else { return nil }
            state.free -= 1
            return .success(())
        }
    }

    package func giveBack() {
        let next = state.withLock { state in
            let next = state.waiting.popFirst()
            if next == nil { state.free += 1 }
            return next
        }
        next?.resume(returning: .success(()))
    }
}
