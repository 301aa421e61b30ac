import Sluice

/// A Publisher that gives each event to another system, in order.
final class EventSink: Publisher {
    let name: String
    private let send: @Sendable (Event, Message) async throws -> Void

    init(_ name: String, send: @escaping @Sendable (Event, Message) async throws -> Void) {
        self.name = name
        self.send = send
    }

    func publish(_ messages: [Message], to topic: Topic) async throws {
        for (index, message) in messages.enumerated() {
            do {
                try await send(Event(message), message)
            } catch {
                if messages.count == 1 { throw error }
                throw PublishError(notAccepted: messages[index...].map(\.id), underlying: error)
            }
        }
    }

    /// The client that the sinks share is the gateway's to close.
    func close() async {}
}
