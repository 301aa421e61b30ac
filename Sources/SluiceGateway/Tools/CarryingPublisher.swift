import Sluice
import Synchronization

/// A publisher whose messages bring their own keys, and what else a ``Message`` does not hold.
final class CarryingPublisher: Publisher {
    /// What belongs to the messages that are being published, by their ids.
    final class Load: Sendable {
        private let messages = Mutex<[MessageID: CarriedMessage]>([:])

        subscript(id: MessageID) -> CarriedMessage? { messages.withLock { $0[id] } }

        /// The message's own key, or else the one that `other` selects.
        func key(otherwise other: KeySelector) -> KeySelector {
            KeySelector { [self] message in self[message.id]?.key ?? other(message) }
        }

        fileprivate func set(_ messages: [CarriedMessage]) {
            let carried = messages.filter { !$0.isPlain }
            self.messages.withLock { all in
                all.removeAll(keepingCapacity: true)
                for message in carried { all[message.message.id] = message }
            }
        }
    }

    let name: String
    private let publisher: any Publisher
    private let load: Load

    /// - Parameter publisher: takes keys and the rest from `load`.
    init(_ publisher: any Publisher, _ load: Load) {
        name = publisher.name
        self.publisher = publisher
        self.load = load
    }

    /// One call at a time; ids must not repeat.
    func publish(_ messages: [CarriedMessage], to topic: Topic) async throws {
        load.set(messages)
        try await publisher.publish(messages.map(\.message), to: topic)
    }

    func publish(_ messages: [Message], to topic: Topic) async throws {
        load.set([])
        try await publisher.publish(messages, to: topic)
    }

    func close() async {
        await publisher.close()
    }
}
