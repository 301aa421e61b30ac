import Synchronization

/// A thread whose end can be awaited.
package final class WorkerThread: Sendable {
    private let ending = Completion()
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
    /// - Parameter limit: for how long it is waited for: it may be inside of a call that takes longer. Nil: until then.
    package func end(within limit: Duration? = nil) async {
        if let limit { RouterTime.real.after(limit) { [weak self] in self?.giveUp() } }
        await ending.wait()
        // All that is left of the thread now is its last instructions.
        if let thread = thread.withLock({ $0.take() }) { thread.join() }
    }

    private func giveUp() {
        // Then it is not joined, and gives back its stack by itself.
        thread.withLock { $0 = nil }
        ending.occur()
    }
}
