import Synchronization

/// A thread whose end can be awaited.
package final class WorkerThread: Sendable {
    private let ending = Ending()
    private let thread: Mutex<DedicatedThread?>

    package init(name: String, _ body: @escaping @Sendable () -> Void) throws {
        let ending = ending
        thread = Mutex(
            try DedicatedThread(name: name) {
                body()
                ending.occur()
            })
    }

    /// Returns when the body has.
    package func end() async {
        await ending.wait()
        // All that is left of the thread now is its last instructions.
        if let thread = thread.withLock({ $0.take() }) { thread.join() }
    }

    private final class Ending: Sendable {
        private struct State {
            var hasOccurred = false
            var waiters: [UnsafeContinuation<Void, Never>] = []
        }

        private let state = Mutex(State())

        func occur() {
            let waiters = state.withLock { state in
                state.hasOccurred = true
                defer { state.waiters = [] }
                return state.waiters
            }
            for waiter in waiters { waiter.resume() }
        }

        func wait() async {
            await withUnsafeContinuation { continuation in
                let hasOccurred = state.withLock { state in
                    if !state.hasOccurred { state.waiters.append(continuation) }
                    return state.hasOccurred
                }
                if hasOccurred { continuation.resume() }
            }
        }
    }
}
