import Synchronization

/// Publishes to a ``MemoryBroker``.
///
/// A publish waits while a group of the topic is full. Cancelling its task, or closing the publisher, ends the wait
/// with a ``PublishError`` that names what was not accepted.
public final class MemoryPublisher: Publisher {
    public let name = "memory"

    private struct State {
        var isClosed = false
        /// The topic of the last publish: most publishers have one.
        var last: (name: Topic, topic: MemoryTopic)?
        /// Where a publish of this publisher waits.
        var waiting: [MemoryTopic] = []
    }

    private let broker: MemoryBroker
    private let key: KeySelector
    private let state = Mutex(State())

    init(_ broker: MemoryBroker, _ key: KeySelector) {
        self.broker = broker
        self.key = key
    }

    public var time: RouterTime? { broker.time }

    // A part of the protocol's witness, which would be another asynchronous call.
    @inline(__always)
    public func publish(_ messages: [Message], to topic: Topic) async throws {
        guard let found = find(topic) else { throw ClosedError("memory publisher") }
        let keys = key.isNone ? [] : messages.map { key($0) }
        let accepted = found.publishNow(messages, keys)
        if accepted < messages.count { try await publishTheRest(messages, keys, from: accepted, to: found) }
    }

    /// - Returns: nil when the publisher is closed.
    private func find(_ topic: Topic) -> MemoryTopic? {
        state.withLock { state in
            guard !state.isClosed else { return nil }
            if state.last?.name == topic { return state.last?.topic }
            let found = broker.topic(topic)
            state.last = (topic, found)
            return found
        }
    }

    private func publishTheRest(
        _ messages: [Message], _ keys: [[UInt8]?], from accepted: Int, to topic: MemoryTopic
    ) async throws {
        state.withLock { $0.waiting.append(topic) }
        defer {
            state.withLock { state in
                if let index = state.waiting.firstIndex(where: { $0 === topic }) { state.waiting.remove(at: index) }
            }
        }
        try await topic.publish(messages, keys, from: accepted, of: self)
    }

    var isClosed: Bool { state.withLock(\.isClosed) }

    public func close() async {
        let waiting = state.withLock { state in
            state.isClosed = true
            state.last = nil
            return state.waiting
        }
        for topic in waiting { topic.endWaiting(of: self) }
    }
}
