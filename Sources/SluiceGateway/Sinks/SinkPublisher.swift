import Sluice

/// A sink as the Publisher at the end of its route.
final class SinkPublisher: Publisher {
    let name: String
    let time: RouterTime?
    private let sink: any Sink

    /// - Parameter time: what the sink goes by; default: the machine's.
    init(_ name: String, _ sink: any Sink, time: RouterTime = .real) {
        self.time = time
        self.name = name
        self.sink = sink
    }

    func publish(_ messages: [Message], to topic: Topic) async throws {
        if messages.count > 1, let sink = sink as? any DigestingSink {
            return try await sink.deliver(messages.map { message in try EventInHand.delivery(of: message) })
        }
        if messages.count > 1, let sink = sink as? any GatheringSink {
            return try await sink.deliver(together: messages.map { message in try EventInHand.delivery(of: message) })
        }
        for (index, message) in messages.enumerated() {
            do {
                try await sink.deliver(EventInHand.delivery(of: message))
            } catch {
                if messages.count == 1 { throw error }
                throw PublishError(notAccepted: messages[index...].map(\.id), underlying: error)
            }
        }
    }

    func close() async {
        await sink.close()
    }
}
