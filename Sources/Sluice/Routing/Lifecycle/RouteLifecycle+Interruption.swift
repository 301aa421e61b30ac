import Synchronization

/// A route is interrupted: it drains as at its end, lets something be done, and subscribes again.
extension RouteLifecycle {
    struct Interruptions: Sendable {
        /// Who waits for the route to have let go of everything.
        var waiting = Waiters()
        var isRunning = false
        /// The route, which waits for the end of what is done.
        var route = WaitList<Void>()
    }

    private enum Step {
        case end([Waiters.Waiter])
        case goOn
        case serve(Waiters.Waiter)
    }

    /// Drains, runs `body`, and lets the route go on. Several run one after the other.
    /// - Throws: what `body` throws; `ClosedError` when the route ends before its turn; `CancellationError` when the task
    ///   is cancelled before that.
    func interrupt<Result>(_ body: () async throws -> Result) async throws -> Result {
        try await waitForInterruption()
        defer {
            state.withLock { state in
                state.interruptions.isRunning = false
                return state.interruptions.route.popFirst()
            }?.resume()
        }
        return try await body()
    }

    private func waitForInterruption() async throws {
        try await state.wait(in: \.interruptions.waiting) { state in
            state.isEnding || state.phase == .stopped ? .failure(ClosedError("route")) : nil
        } whenWaiting: { _ in
            drain(ending: false)
        }
    }

    /// The route has let go of everything.
    /// - Returns: whether it goes on: what it was interrupted for is done.
    func goesOn() async -> Bool {
        while true {
            switch state.withLock({ nextStep(&$0) }) {
            case .end(let refused):
                for waiter in refused { waiter.resume(returning: .failure(ClosedError("route"))) }
                return false
            case .goOn: return true
            case .serve(let waiter):
                waiter.resume(returning: .success(()))
                await state.waitThrough(in: \.interruptions.route) { $0.interruptions.isRunning ? nil : () }
            }
        }
    }

    private func nextStep(_ state: inout State) -> Step {
        // One that ends by itself is never interrupted again.
        if !state.draining || Task.isCancelled { state.isEnding = true }
        if state.isEnding {
            return .end(state.interruptions.waiting.removeAll())
        }
        if let next = state.interruptions.waiting.popFirst() {
            state.interruptions.isRunning = true
            return .serve(next)
        }
        state.draining = false
        draining.store(false, ordering: .releasing)
        state.phase = .connecting(nil)
        return .goOn
    }
}
