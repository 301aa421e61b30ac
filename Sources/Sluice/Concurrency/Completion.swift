import Synchronization

/// Something that happens once and that tasks wait for.
package final class Completion: Sendable {
    private struct State {
        var hasOccurred = false
        var waiters = WaitList<Void>()
    }

    private let state = Mutex(State())

    package init() {}

    package func occur() {
        let waiters = state.withLock { state in
            state.hasOccurred = true
            return state.waiters.removeAll()
        }
        for waiter in waiters { waiter.resume() }
    }

    package func wait() async {
        await state.waitThrough(in: \.waiters) { $0.hasOccurred ? () : nil }
    }
}
