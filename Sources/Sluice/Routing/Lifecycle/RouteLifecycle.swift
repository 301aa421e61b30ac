import Synchronization

/// Where a route is in its life, and the waits that must end when it drains.
package final class RouteLifecycle: Sendable {
    typealias Waiters = WaitList<Result<Void, any Error>>

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
        var sleepers = Waiters()
        /// Sleepers that wait for the end of a pause.
        var paused = Waiters()
        var onQuiet = Waiters()
        var onDrain: [UInt64: @Sendable () -> Void] = [:]
        var nextAction: UInt64 = 0
        var onStop = WaitList<Void>()
        /// Whether the drain is calling what was to be done then.
        var isActing = false
        var onActed = WaitList<Void>()
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
        let waiting = state.withLock { state in
            if !state.draining || phase == .stopped { state.phase = phase }
            return phase == .stopped ? state.onStop.removeAll() : []
        }
        for waiter in waiting { waiter.resume() }
    }

    func waitUntilStopped() async {
        await state.waitThrough(in: \.onStop) { $0.phase == .stopped ? () : nil }
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
            state -> (sleepers: [Waiters.Waiter], quiet: [Waiters.Waiter], actions: [@Sendable () -> Void])? in
            if ending { state.isEnding = true }
            guard !state.draining else { return nil }
            state.draining = true
            state.isActing = true
            if state.phase != .stopped { state.phase = .draining }
            draining.store(true, ordering: .releasing)
            defer { state.onDrain = [:] }
            // In the order of their coming, so that the same run drains the same way again.
            return (
                state.sleepers.removeAll() + state.paused.removeAll(), state.onQuiet.removeAll(),
                state.onDrain.valuesInOrder
            )
        }
        guard let begun else { return }
        for waiter in begun.quiet { waiter.resume(returning: .success(())) }
        for sleeper in begun.sleepers { sleeper.resume(returning: .failure(CancellationError())) }
        for action in begun.actions { action() }
        let waiting = state.withLock { state in
            state.isActing = false
            return state.onActed.removeAll()
        }
        for waiter in waiting { waiter.resume() }
    }

    /// Returns when a drain that has begun has done what was to be done then.
    func waitUntilActed() async {
        await state.waitThrough(in: \.onActed) { $0.isActing ? nil : () }
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
        let list: any WritableKeyPath<State, Waiters> & Sendable = whilePaused ? \.paused : \.sleepers
        try await state.wait(in: list) { state in
            if state.draining { return .failure(CancellationError()) }
            return whilePaused && !isPaused ? .success(()) : nil
        } whenWaiting: { id in
            let wake: @Sendable () -> Void = { [weak self] in
                self?.state.withLock { $0[keyPath: list].remove(id) }?.resume(returning: .success(()))
            }
            if let duration { time.after(duration, wake) }
            ticket?.onGrant(wake)
        }
    }
}
