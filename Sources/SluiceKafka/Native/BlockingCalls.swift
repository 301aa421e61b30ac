import Sluice

/// Runs what blocks on the one thread that may, in turn.
final class BlockingCalls: Sendable {
    private let inbox: Inbox<@Sendable (_ isRefused: Bool) -> Void>

    /// - Parameter wake: ends the wait of ``run(wait:)``, which may not have begun yet.
    init(wake: @escaping @Sendable () -> Void) {
        inbox = Inbox(wake: wake)
    }

    /// Returns when the thread has run `body`.
    func perform<Value: Sendable>(
        _ body: @escaping @Sendable () throws(KafkaError) -> Value
    ) async throws(KafkaError) -> Value {
        let result = await withUnsafeContinuation {
            (continuation: UnsafeContinuation<Result<Value, KafkaError>, Never>) in
            let job: @Sendable (Bool) -> Void = { isRefused in
                let result = Result { () throws(KafkaError) in
                    guard !isRefused else { throw KafkaError(.closed, detail: "the client is closed") }
                    return try body()
                }
                continuation.resume(returning: result)
            }
            if !inbox.post(job) { job(true) }
        }
        return try result.get()
    }

    var isClosed: Bool { inbox.hasEnded }

    /// Refuses what has not begun, and ends `run`.
    func close() {
        for job in inbox.end() { job(true) }
    }

    /// The thread's body: returns after `close`.
    func run(wait: () -> Void) {
        while true {
            if let job = inbox.takeFirst() {
                job(false)
            } else if inbox.hasEnded {
                return
            } else {
                wait()
            }
        }
    }
}
