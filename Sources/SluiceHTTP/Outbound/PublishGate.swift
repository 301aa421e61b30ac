import Sluice
import Synchronization

/// Counts the publishes under way, so that closing can wait for them.
final class PublishGate: Sendable {
    private struct State {
        var inFlight = 0
        var isClosed = false
        var isAbandoned = false
        var waiters: [UInt64: UnsafeContinuation<Void, Never>] = [:]
        var nextWaiter: UInt64 = 0
    }

    private let state = Mutex(State())

    /// - Returns: false once closing has begun; otherwise `leave` must follow.
    func enter() -> Bool {
        state.withLock { state in
            guard !state.isClosed else { return false }
            state.inFlight += 1
            return true
        }
    }

    func leave() {
        let waiters = state.withLock { state -> [UInt64: UnsafeContinuation<Void, Never>] in
            state.inFlight -= 1
            guard state.inFlight == 0 else { return [:] }
            defer { state.waiters = [:] }
            return state.waiters
        }
        for waiter in waiters.values { waiter.resume() }
    }

    /// Whether the time to finish is over: a publish under way sends nothing more.
    var isAbandoned: Bool { state.withLock(\.isAbandoned) }

    /// Lets nothing in any more and waits until nothing is under way, for at most `timeout`.
    func close(within timeout: Duration) async {
        let isIdle = state.withLock { state in
            state.isClosed = true
            return state.inFlight == 0
        }
        if !isIdle {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await self.waitUntilIdle() }
                group.addTask { try? await Task.sleep(for: timeout) }
                await group.next()
                group.cancelAll()
            }
        }
        state.withLock { $0.isAbandoned = true }
    }

    private func waitUntilIdle() async {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                let mayWait = state.withLock { state in
                    // A cancellation that came first found no waiter to resume.
                    guard state.inFlight > 0, !Task.isCancelled else { return false }
                    state.waiters[id] = continuation
                    return true
                }
                if !mayWait { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: id) }?.resume()
        }
    }
}
