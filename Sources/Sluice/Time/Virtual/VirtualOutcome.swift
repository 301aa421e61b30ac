import Synchronization

/// What a task leaves behind for one who does not wait for it.
final class VirtualOutcome<Value: Sendable>: Sendable {
    private let result = Mutex<Result<Value, any Error>?>(nil)

    func settle(_ result: Result<Value, any Error>) {
        self.result.withLock { $0 = result }
    }

    /// - Throws: what the task threw; `CancellationError` when it has not ended.
    func get() throws -> Value {
        guard let result = result.withLock(\.self) else { throw CancellationError() }
        return try result.get()
    }
}
