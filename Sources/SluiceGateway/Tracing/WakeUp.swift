import Sluice
import Synchronization

/// Wakes those who wait. One that rings while nothing waits wakes the next at once; one that has rung for good wakes everything.
final class WakeUp: Sendable {
    private struct State {
        var hasRung = false
        var isForGood = false
        var waiting = WaitList<Void>()
    }

    private let state = Mutex(State())

    var hasRungForGood: Bool { state.withLock(\.isForGood) }

    func ring(forGood: Bool = false) {
        let waiting = state.withLock { state in
            state.isForGood = state.isForGood || forGood
            if state.waiting.isEmpty { state.hasRung = true }
            return state.waiting.removeAll()
        }
        for waiter in waiting { waiter.resume() }
    }

    /// Returns at the next ring, or when so much time has passed, or when the task is cancelled.
    func wait(atMost limit: Duration? = nil) async {
        await state.wait(in: \.waiting, onCancel: ()) { state in
            guard state.isForGood || state.hasRung else { return nil }
            state.hasRung = false
            return ()
        } whenWaiting: { id in
            guard let limit else { return }
            RouterTime.real.after(limit) { [weak self] in
                self?.state.withLock { $0.waiting.remove(id) }?.resume()
            }
        }
    }
}
