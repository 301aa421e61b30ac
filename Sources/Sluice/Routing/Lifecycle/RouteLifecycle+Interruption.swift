import DequeModule
import Synchronization

/// A route is interrupted: it drains as at its end, lets something be done, and subscribes again.
extension RouteLifecycle {
    struct Interruptions: Sendable {
        /// Who waits for the route to have let go of everything.
        var waiting = Deque<(id: UInt64, continuation: UnsafeContinuation<Void, any Error>)>()
        var isRunning = false
        /// The route, which waits for the end of what is done.
        var route: UnsafeContinuation<Void, Never>?
    }

    private enum Step {
        case end([UnsafeContinuation<Void, any Error>])
        case goOn
        case serve(UnsafeContinuation<Void, any Error>)
    }

    /// Drains, runs `body`, and lets the route go on. Several run one after the other.
    /// - Throws: what `body` throws; `ClosedError` when the route ends before its turn; `CancellationError` when the task
    ///   is cancelled before that.
    func interrupt<Result>(_ body: () async throws -> Result) async throws -> Result {
        try await waitForInterruption()
        defer {
            state.withLock { state in
                state.interruptions.isRunning = false
                defer { state.interruptions.route = nil }
                return state.interruptions.route
            }?.resume()
        }
        return try await body()
    }

    private func waitForInterruption() async throws {
        let id = state.withLock { state in
            state.nextSleeper += 1
            return state.nextSleeper
        }
        try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { (continuation: UnsafeContinuation<Void, any Error>) in
                let refusal = state.withLock { state -> (any Error)? in
                    if Task.isCancelled { return CancellationError() }
                    if state.isEnding || state.phase == .stopped { return ClosedError("route") }
                    state.interruptions.waiting.append((id, continuation))
                    return nil
                }
                if let refusal { return continuation.resume(throwing: refusal) }
                drain(ending: false)
            }
        } onCancel: {
            let waiter = state.withLock { state in
                state.interruptions.waiting.firstIndex { $0.id == id }.map {
                    state.interruptions.waiting.remove(at: $0).continuation
                }
            }
            waiter?.resume(throwing: CancellationError())
        }
    }

    /// The route has let go of everything.
    /// - Returns: whether it goes on: what it was interrupted for is done.
    func goesOn() async -> Bool {
        while true {
            switch state.withLock({ nextStep(&$0) }) {
            case .end(let refused):
                for waiter in refused { waiter.resume(throwing: ClosedError("route")) }
                return false
            case .goOn: return true
            case .serve(let waiter):
                waiter.resume()
                await waitForTheEndOfTheInterruption()
            }
        }
    }

    private func nextStep(_ state: inout State) -> Step {
        // One that ends by itself is never interrupted again.
        if !state.draining || Task.isCancelled { state.isEnding = true }
        if state.isEnding {
            defer { state.interruptions.waiting = [] }
            return .end(state.interruptions.waiting.map(\.continuation))
        }
        if let next = state.interruptions.waiting.popFirst() {
            state.interruptions.isRunning = true
            return .serve(next.continuation)
        }
        state.draining = false
        draining.store(false, ordering: .releasing)
        state.phase = .connecting(nil)
        return .goOn
    }

    private func waitForTheEndOfTheInterruption() async {
        await withUnsafeContinuation { route in
            let isRunning = state.withLock { state in
                if state.interruptions.isRunning { state.interruptions.route = route }
                return state.interruptions.isRunning
            }
            if !isRunning { route.resume() }
        }
    }
}
