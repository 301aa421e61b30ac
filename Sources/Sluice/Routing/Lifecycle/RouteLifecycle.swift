import Synchronization

/// Where a route is in its life, and the waits that must end when it drains.
package final class RouteLifecycle: Sendable {
    /// What a route does now.
    package enum Phase: Sendable, Equatable {
        /// Not yet subscribed; the text says why, after a first failure.
        case connecting(String?)
        case running
        case draining
        case stopped
    }

    struct State {
        var phase = Phase.connecting(nil)
        var draining = false
        /// Whether the drain is the last.
        var isEnding = false
        var interruptions = Interruptions()
        /// Sleepers that wait for the end of a pause.
        var paused: [UInt64] = []
        var onQuiet: [UInt64: UnsafeContinuation<Void, any Error>] = [:]
        var nextSleeper: UInt64 = 0
        var sleepers: [UInt64: UnsafeContinuation<Void, any Error>] = [:]
        var onDrain: [UInt64: @Sendable () -> Void] = [:]
        var nextAction: UInt64 = 0
        var onStop: [UnsafeContinuation<Void, Never>] = []
        /// Whether the drain is calling what was to be done then.
        var isActing = false
        var onActed: [UnsafeContinuation<Void, Never>] = []
    }

    private let time: RouterTime
    let state = Mutex(State())
    let draining = Atomic<Bool>(false)
    let pausing = Pausing()

    package init(time: RouterTime = .real) {
        self.time = time
    }

    package var phase: Phase { state.withLock(\.phase) }
    package var isDraining: Bool { draining.load(ordering: .acquiring) }

    package func enter(_ phase: Phase) {
        let waiting = state.withLock { state -> [UnsafeContinuation<Void, Never>] in
            if !state.draining || phase == .stopped { state.phase = phase }
            guard phase == .stopped else { return [] }
            defer { state.onStop = [] }
            return state.onStop
        }
        for waiter in waiting { waiter.resume() }
    }

    func waitUntilStopped() async {
        await withUnsafeContinuation { continuation in
            let stopped = state.withLock { state in
                if state.phase != .stopped { state.onStop.append(continuation) }
                return state.phase == .stopped
            }
            if stopped { continuation.resume() }
        }
    }

    /// Returns when the route begins to drain, or the task is cancelled.
    func waitForDrain() async {
        try? await sleep(for: nil)
    }

    /// Begins the end: sleepers are woken with `CancellationError`, and none falls asleep any more.
    func drain() {
        drain(ending: true)
    }

    /// - Parameter ending: whether it is the last drain; after another the route goes on.
    func drain(ending: Bool) {
        let begun = state.withLock {
            state -> (
                sleepers: [UnsafeContinuation<Void, any Error>], quiet: [UnsafeContinuation<Void, any Error>],
                actions: [@Sendable () -> Void]
            )? in
            if ending { state.isEnding = true }
            guard !state.draining else { return nil }
            state.draining = true
            state.isActing = true
            if state.phase != .stopped { state.phase = .draining }
            draining.store(true, ordering: .releasing)
            defer {
                state.sleepers = [:]
                state.paused = []
                state.onQuiet = [:]
                state.onDrain = [:]
            }
            // In the order of their coming, so that the same run drains the same way again.
            return (state.sleepers.valuesInOrder, state.onQuiet.valuesInOrder, state.onDrain.valuesInOrder)
        }
        guard let begun else { return }
        for waiter in begun.quiet { waiter.resume() }
        for sleeper in begun.sleepers { sleeper.resume(throwing: CancellationError()) }
        for action in begun.actions { action() }
        let waiting = state.withLock { state in
            state.isActing = false
            defer { state.onActed = [] }
            return state.onActed
        }
        for waiter in waiting { waiter.resume() }
    }

    /// Returns when a drain that has begun has done what was to be done then.
    func waitUntilActed() async {
        await withUnsafeContinuation { continuation in
            let isActing = state.withLock { state in
                if state.isActing { state.onActed.append(continuation) }
                return state.isActing
            }
            if !isActing { continuation.resume() }
        }
    }

    /// Runs `body`, and calls `action` when the route begins to drain meanwhile, at once when it does already.
    func onDrain<Result>(
        _ action: @escaping @Sendable () -> Void, during body: () async throws -> Result
    ) async rethrows -> Result {
        let id = state.withLock { state -> UInt64? in
            guard !state.draining else { return nil }
            state.nextAction += 1
            state.onDrain[state.nextAction] = action
            return state.nextAction
        }
        if id == nil { action() }
        // A route that subscribes again and again must not keep what it let go of.
        defer { if let id { state.withLock { _ = $0.onDrain.removeValue(forKey: id) } } }
        return try await body()
    }

    /// - Parameters:
    ///   - duration: how long; nil sets no timer and waits for the drain alone.
    ///   - ticket: ends it when it is granted.
    ///   - whilePaused: whether it ends with the route's pause, at once when there is none.
    func sleep(for duration: Duration?, until ticket: Ticket? = nil, whilePaused: Bool = false) async throws {
        let id = state.withLock { state in
            state.nextSleeper += 1
            return state.nextSleeper
        }
        try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { continuation in
                let refusal = state.withLock { state -> Result<Void, any Error>? in
                    // Looked at under the lock: a cancellation that comes later finds the sleeper in the table.
                    guard !state.draining, !Task.isCancelled else { return .failure(CancellationError()) }
                    if whilePaused {
                        guard isPaused else { return .success(()) }
                        state.paused.append(id)
                    }
                    state.sleepers[id] = continuation
                    return nil
                }
                if let refusal { return continuation.resume(with: refusal) }
                if let duration { time.after(duration) { [weak self] in self?.take(id)?.resume() } }
                ticket?.onGrant { [weak self] in self?.take(id)?.resume() }
            }
        } onCancel: {
            take(id)?.resume(throwing: CancellationError())
        }
    }

    private func take(_ id: UInt64) -> UnsafeContinuation<Void, any Error>? {
        state.withLock { state in
            if !state.paused.isEmpty { state.paused.removeAll { $0 == id } }
            return state.sleepers.removeValue(forKey: id)
        }
    }
}
