import Sluice
import Synchronization

/// Counts the publishes under way, so that closing can wait for them.
final class PublishGate: Sendable {
    private struct State {
        var inFlight = 0
        var isClosed = false
        var isAbandoned = false
        var waiters = WaitList<Void>()
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
        let waiters = state.withLock { state in
            state.inFlight -= 1
            return state.inFlight == 0 ? state.waiters.removeAll() : []
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Whether the time to finish is over: a publish under way sends nothing more.
    var isAbandoned: Bool { state.withLock(\.isAbandoned) }

    /// Lets nothing in any more and waits until nothing is under way, for at most `timeout`.
    func close(within timeout: Duration) async {
        state.withLock { $0.isClosed = true }
        await state.wait(in: \.waiters, onCancel: ()) {
            $0.inFlight == 0 ? () : nil
        } whenWaiting: { id in
            RouterTime.real.after(timeout) { [weak self] in
                self?.state.withLock { $0.waiters.remove(id) }?.resume()
            }
        }
        state.withLock { $0.isAbandoned = true }
    }
}
