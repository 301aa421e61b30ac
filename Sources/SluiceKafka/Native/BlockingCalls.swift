import DequeModule
import Sluice
import Synchronization

/// Runs what blocks on the one thread that may, in turn.
final class BlockingCalls: Sendable {
    private typealias Job = @Sendable (_ isRefused: Bool) -> Void

    private struct State {
        var jobs = Deque<Job>()
        var isClosed = false
    }

    private let wake: @Sendable () -> Void
    private let state = Mutex(State())

    /// - Parameter wake: ends the wait of ``run(wait:)``, which may not have begun yet.
    init(wake: @escaping @Sendable () -> Void) {
        self.wake = wake
    }

    /// Returns when the thread has run `body`.
    func perform<Value: Sendable>(
        _ body: @escaping @Sendable () throws(KafkaError) -> Value
    ) async throws(KafkaError) -> Value {
        let result = await withUnsafeContinuation {
            (continuation: UnsafeContinuation<Result<Value, KafkaError>, Never>) in
            let job: Job = { isRefused in
                let result = Result { () throws(KafkaError) in
                    guard !isRefused else { throw KafkaError(.closed, detail: "the client is closed") }
                    return try body()
                }
                continuation.resume(returning: result)
            }
            let isClosed = state.withLock { state in
                if !state.isClosed {
                    state.jobs.append(job)
                    // Under the lock: the thread takes it before it ends.
                    wake()
                }
                return state.isClosed
            }
            if isClosed { job(true) }
        }
        return try result.get()
    }

    var isClosed: Bool { state.withLock(\.isClosed) }

    /// Refuses what has not begun, and ends `run`.
    func close() {
        let jobs = state.withLock { state in
            if !state.isClosed { wake() }
            state.isClosed = true
            defer { state.jobs.removeAll() }
            return state.jobs
        }
        for job in jobs { job(true) }
    }

    /// The thread's body: returns after `close`.
    func run(wait: () -> Void) {
        while true {
            let (job, isClosed) = state.withLock { ($0.jobs.popFirst(), $0.isClosed) }
            if let job {
                job(false)
            } else if isClosed {
                return
            } else {
                wait()
            }
        }
    }
}
