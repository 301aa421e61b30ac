import Synchronization

/// Something that happens once and that tasks wait for.
package final class Completion: Sendable {
    private struct State {
        var hasOccurred = false
        var waiters: [UnsafeContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    package init() {}

    package func occur() {
        let waiters = state.withLock { state in
            state.hasOccurred = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    package func wait() async {
        await withUnsafeContinuation { continuation in
            let hasOccurred = state.withLock { state in
                if !state.hasOccurred { state.waiters.append(continuation) }
                return state.hasOccurred
            }
            if hasOccurred { continuation.resume() }
        }
    }
}
