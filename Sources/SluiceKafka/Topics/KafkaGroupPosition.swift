import CRDKafka
public import Sluice

/// Where a group stands in a partition.
public struct KafkaGroupPosition: Sendable, Equatable {
    /// The offset of the next record that the group has not settled; nil when it has committed nothing.
    public var committed: Int64?
    /// The offset of the oldest record that is kept.
    public var first: Int64
    /// The offset that the next record will have.
    public var end: Int64

    public init(committed: Int64?, first: Int64, end: Int64) {
        self.committed = committed
        self.first = first
        self.end = end
    }
}

extension KafkaTopics {
    /// Where the group stands in each partition. Empty where there is no such topic. It costs some four requests to the
    /// brokers.
    /// - Throws: ``KafkaError``, also when the brokers do not answer in time.
    public func positions(of topic: Topic, group: String) async throws(KafkaError) -> [Int32: KafkaGroupPosition] {
        try topic.validateForKafka()
        guard !group.isEmpty else { throw KafkaError(.invalidConfiguration, detail: "group is empty") }
        return try await perform { session throws(KafkaError) in
            try session.positions(of: topic.name, group: group)
        }
    }
}

extension AdminSession {
    func positions(of topic: String, group: String) throws(KafkaError) -> [Int32: KafkaGroupPosition] {
        guard let partitions = try partitions(of: topic), !partitions.isEmpty else { return [:] }
        let committed = try committed(by: group, topic, partitions)
        let first = try offsets(topic, partitions, at: Int64(RD_KAFKA_OFFSET_BEGINNING))
        let end = try offsets(topic, partitions, at: Int64(RD_KAFKA_OFFSET_END))
        var positions: [Int32: KafkaGroupPosition] = [:]
        for partition in partitions {
            guard let end = end[partition] else { continue }
            positions[partition] = KafkaGroupPosition(
                committed: committed[partition], first: first[partition] ?? 0, end: end)
        }
        return positions
    }
}
