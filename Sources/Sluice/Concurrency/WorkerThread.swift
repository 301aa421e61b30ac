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
    package func end() async {
        await ending.wait()
        // All that is left of the thread now is its last instructions.
        if let thread = thread.withLock({ $0.take() }) { thread.join() }
    }
}
