import Sluice
import Synchronization

/// One call of `publish`, from its task to the thread that sends its messages and back.
final class PublishCall: Sendable {
    let topic: Topic
    let messages: [Message]
    let publishings: [AMQPPublishing]
    let start: MonotonicTime
    private let continuation: Mutex<UnsafeContinuation<Void, any Error>?>
    private let isOver = Atomic<Bool>(false)

    init(_ messages: [Message], _ publishings: [AMQPPublishing], to topic: Topic, start: MonotonicTime) {
        self.topic = topic
        self.messages = messages
        self.publishings = publishings
        self.start = start
        continuation = Mutex(nil)
    }

    /// - Returns: false when it ended before its task came to wait.
    func wait(_ waiting: UnsafeContinuation<Void, any Error>) -> Bool {
        continuation.withLock { continuation in
            guard !isOver.load(ordering: .relaxed) else { return false }
            continuation = waiting
            return true
        }
    }

    /// Whether its task does not wait any more.
    var isFinished: Bool { isOver.load(ordering: .relaxed) }

    /// Lets the task go on. Only the first outcome counts.
    func finish(_ error: (any Error)? = nil) {
        let waiting = continuation.withLock { continuation in
            isOver.store(true, ordering: .relaxed)
            return continuation.take()
        }
        guard let waiting else { return }
        if let error { waiting.resume(throwing: error) } else { waiting.resume() }
    }
}
