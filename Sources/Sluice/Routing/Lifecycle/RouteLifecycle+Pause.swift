import Synchronization

/// While a route is paused nothing of it sets out: no pass through the chain begins, and no wait inside one ends.
///
/// What is under way goes on to its end or to its next wait. The subscription stays, so that no other process takes over.
extension RouteLifecycle {
    /// The numbers that say whether a route is paused and quiet. One worker that does not wait counts 1.
    ///
    /// A worker goes to work, and then looks whether the route is paused, before each message. What pauses it does the
    /// opposite, and so misses none: it sees the worker, or the worker sees the pause.
    struct Pausing: ~Copyable, Sendable {
        fileprivate let isPaused = Atomic<Bool>(false)
        fileprivate let underway = Atomic<Int>(0)
    }

    package var isPaused: Bool { pausing.isPaused.load(ordering: .sequentiallyConsistent) }

    /// - Returns: whether it was not paused before.
    @discardableResult
    package func pause() -> Bool {
        state.withLock { _ in !pausing.isPaused.exchange(true, ordering: .sequentiallyConsistent) }
    }

    /// Lets everything go on that waits for it.
    /// - Returns: whether it was paused before.
    @discardableResult
    package func resume() -> Bool {
        let (was, sleepers, waiting) = state.withLock { state in
            let was = pausing.isPaused.exchange(false, ordering: .sequentiallyConsistent)
            return (was, state.paused.removeAll(), state.onQuiet.removeAll())
        }
        for waiter in sleepers + waiting { waiter.resume(returning: .success(())) }
        return was
    }

    // MARK: Workers

    /// A worker that has waited goes on with its message.
    /// - Returns: false when it must not, because the route is paused.
    func setOut() -> Bool {
        setOutUnasked()
        guard isPaused else { return true }
        rest()
        return false
    }

    /// A worker goes to work, and looks before each message whether the route is paused; or its wait was ended by an error,
    /// and its message goes to its end.
    func setOutUnasked() {
        pausing.underway.wrappingAdd(1, ordering: .sequentiallyConsistent)
    }

    /// A worker is done, or waits.
    func rest() {
        let left = pausing.underway.wrappingSubtract(1, ordering: .sequentiallyConsistent).newValue
        guard left <= 0, isPaused else { return }
        for waiter in state.withLock({ $0.onQuiet.removeAll() }) { waiter.resume(returning: .success(())) }
    }

    /// Lets a message set out once the route is not paused.
    /// - Throws: ``RevokedError`` when the message is not ours any more, `CancellationError` when the task is cancelled or
    ///   the route drains.
    func setOut(_ delivery: Delivery) async throws {
        while !setOut() {
            try await sleep(for: .seconds(1), whilePaused: true)
            guard delivery.isOurs else { throw RevokedError() }
        }
    }

    // MARK: Who pauses

    /// Returns when nothing of a paused route is under way, when it is no longer paused, or when it drains.
    /// - Throws: `CancellationError` when the task is cancelled.
    func waitUntilQuiet() async throws {
        try await state.wait(in: \.onQuiet) { state in
            let isQuiet = pausing.underway.load(ordering: .sequentiallyConsistent) <= 0
            return isQuiet || !isPaused || state.draining ? .success(()) : nil
        }
    }
}
