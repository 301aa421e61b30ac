/// A consumer group of one topic, as its deliveries know it.
///
/// It and its topic hold each other until the broker goes (``MemoryTopic/end()``): a weak reference would make every
/// retain of a topic, on the path of every message, several times as slow.
final class MemoryGroup: Settler {
    let name: String?
    let maxInFlight: Int?

    /// Whether the topic must hear of an acknowledgement. Where it need not, one costs nothing.
    private let tracks: Bool
    private let topic: MemoryTopic

    init(_ name: String?, maxInFlight: Int?, tracks: Bool, topic: MemoryTopic) {
        self.name = name
        self.maxInFlight = maxInFlight
        self.tracks = tracks
        self.topic = topic
    }

    func shelve(_ tag: UInt64, key: [UInt8], of message: Message, origin: Delivery.Origin) {
        // It was not attempted, so it comes as it came.
        topic.shelve(
            MemoryTopicState.Returned(
                sequence: tag, message: message, attempt: origin.attempt - 1, key: origin.key, progress: origin.progress
            ), key, of: self)
    }

    var keepsProgress: Bool { true }

    func settle(_ tag: UInt64, _ settlement: Settlement) {
        if tracks, case .acknowledged = settlement { topic.acknowledge(tag, of: self) }
    }

    func settle(_ tag: UInt64, _ settlement: Settlement, of message: Message, origin: Delivery.Origin) {
        switch settlement {
        case .acknowledged:
            if tracks { topic.acknowledge(tag, of: self) }
        case .rejected(let rejection):
            topic.reject(
                MemoryTopicState.Returned(
                    sequence: tag, message: message, attempt: origin.attempt, key: origin.key, progress: origin.progress
                ),
                of: self, after: rejection.delay)
        }
    }
}
