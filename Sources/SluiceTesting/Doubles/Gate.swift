import Sluice
import Synchronization

/// Holds tasks up until it is opened: for tests that need two things to happen in a certain order.
///
/// ```swift
/// let gate = Gate()
/// let handler: Handler = { message, _ in
///     try await gate.wait()
///     return [message]
/// }
/// gate.open()
/// ```
public final class Gate: Sendable {
    private struct State {
        var isOpen: Bool
        var waiters = WaitList<Result<Void, any Error>>()
    }

    private let state: Mutex<State>

    public init(open: Bool = false) {
        state = Mutex(State(isOpen: open))
    }

    /// How many tasks wait.
    public var waiting: Int { state.withLock(\.waiters.count) }

    /// Returns when the gate is open.
    /// - Throws: `CancellationError` when the task is cancelled first.
    public func wait() async throws {
        if state.withLock(\.isOpen) { return }
        try await state.wait(in: \.waiters) { $0.isOpen ? .success(()) : nil }
    }

    /// Lets everyone through, now and later.
    public func open() {
        let waiters = state.withLock { state in
            state.isOpen = true
            return state.waiters.removeAll()
        }
        for waiter in waiters { waiter.resume(returning: .success(())) }
    }

    /// Holds up all that come from now on.
    public func close() {
        state.withLock { $0.isOpen = false }
    }
}
