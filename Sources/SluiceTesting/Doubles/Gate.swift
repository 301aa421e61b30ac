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
        var waiters: [UInt64: CheckedContinuation<Void, any Error>] = [:]
        var nextID: UInt64 = 0
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
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let outcome = state.withLock { state -> Result<Void, any Error>? in
                    if state.isOpen { return .success(()) }
                    if Task.isCancelled { return .failure(CancellationError()) }
                    state.waiters[id] = continuation
                    return nil
                }
                if let outcome { continuation.resume(with: outcome) }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: id) }?.resume(throwing: CancellationError())
        }
    }

    /// Lets everyone through, now and later.
    public func open() {
        let waiters = state.withLock { state in
            state.isOpen = true
            defer { state.waiters = [:] }
            return state.waiters
        }
        for waiter in waiters.values { waiter.resume() }
    }

    /// Holds up all that come from now on.
    public func close() {
        state.withLock { $0.isOpen = false }
    }
}
