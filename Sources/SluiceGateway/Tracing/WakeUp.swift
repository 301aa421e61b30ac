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

    /// Returns at the next ring, or when the task is cancelled.
    func wait() async {
        await state.wait(in: \.waiting, onCancel: ()) { state in
            guard state.isForGood || state.hasRung else { return nil }
            state.hasRung = false
            return ()
        }
    }

    /// Returns at the next ring, or when so much time has passed, or when the task is cancelled.
    func wait(atMost limit: Duration) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.wait() }
            group.addTask { try? await Task.sleep(for: limit) }
            await group.next()
            group.cancelAll()
        }
    }
}
