public import Sluice
import Synchronization

/// Publishes to a ``FileBroker``: returns when the messages are on the disk.
public final class FilePublisher: Publisher {
    public let name = "file"
    private let broker: FileBroker
    private let isClosed = Atomic<Bool>(false)

    init(_ broker: FileBroker) {
        self.broker = broker
    }

    public func publish(_ messages: [Message], to topic: Topic) async throws {
        guard !isClosed.load(ordering: .acquiring) else { throw ClosedError("file publisher") }
        try Task.checkCancellation()
        try await broker.topic(topic).append(messages)
    }

    /// Nothing is on its way when no `publish` runs: there is no connection to give up.
    public func close() async {
        isClosed.store(true, ordering: .releasing)
    }
}
