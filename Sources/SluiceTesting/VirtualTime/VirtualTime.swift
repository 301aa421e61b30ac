public import Sluice

/// Runs code in a time of its own, which passes at no cost: an hour of waiting takes as long as what happens in it.
///
/// ```swift
/// try await VirtualTime.run(seed: 7) { time in
///     let broker = MemoryBroker(time: time)
///     let router = Router(middlewares: [Retry()], time: time)
///     try router.add(Route("r", from: broker.subscriber(), "in") { _, _ in throw Unavailable() })
///     let running = time.task { try await router.run() }
///     try await time.eventually { router.status.allSatisfy(\.isRunning) }
///     try await broker.publisher().publish([Message(payload: [1])], to: "in")
///     try await time.sleep(for: .seconds(3_600))
///     router.drain()
///     try await running.value
/// }
/// ```
///
/// The body, its child tasks (task groups, `async let`), actors, and the tasks that `RouterTime/task(_:)` makes
/// run one at a time on one thread. Time stands still while any of them can run, and then moves on to the next timer:
/// nothing depends on how fast or how busy the machine is. A seed repeats a run exactly: the jitter, and with
/// ``Order/shuffled`` the order in which tasks are taken.
///
/// Ids that `MessageID` makes are unique in the world, and so others in each run: give messages ids of their own
/// where a trace shows them.
///
/// Nothing in it may wait for the world outside: real I/O, `Task.sleep`, a task made with `Task { }`, the main actor.
/// Time does not wait for these, so the run fails when one of them wakes a task (`VirtualTimeError/Code/outside`), or
/// when nothing else is left to happen (`VirtualTimeError/Code/deadlock`). A handler that blocks its thread blocks the
/// run, in which no time passes meanwhile.
public enum VirtualTime {
    /// Which of the tasks that can run is taken first.
    public struct Order: Sendable, Equatable {
        let isShuffled: Bool

        /// The one that has waited for the longest time.
        public static let asReady = Order(isShuffled: false)
        /// One that the seed chooses: finds what depends on an order that nothing promises. No task is sure of its turn: one
        /// that yields until something happens may take many.
        public static let shuffled = Order(isShuffled: true)
    }

    /// 2026-01-01 00:00:00 UTC.
    public static let defaultStart = VirtualExecutor.defaultStart

    /// Runs `body` in a virtual time of its own, which begins at 0 and ends with it: tasks that sleep then are cancelled.
    /// - Parameters:
    ///   - body: is given the time.
    ///   - seed: what jitter and order follow from. Default 0.
    ///   - start: what the wall clock shows at the beginning. Default 2026-01-01.
    ///   - order: of the tasks that can run. Default: as they became ready.
    /// - Throws: what `body` throws; `VirtualTimeError` when the run cannot go on, or depends on what is outside of it.
    public static func run<Result: Sendable>(
        seed: UInt64 = 0, startingAt start: Timestamp = defaultStart, order: Order = .asReady,
        _ body: @escaping @Sendable (RouterTime) async throws -> Result
    ) async throws -> Result {
        try await VirtualExecutor(seed: seed, start: start, isShuffled: order.isShuffled).execute(body)
    }
}
