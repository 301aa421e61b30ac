import CRDKafka
package import Sluice

extension KafkaTopics {
    /// The offsets that each partition holds now: from the oldest record to behind the newest. Empty where there is no such topic.
    /// - Throws: ``KafkaError``, also when the brokers do not answer in time.
    package func extent(of topic: Topic) async throws(KafkaError) -> [Int32: Range<Int64>] {
        try topic.validateForKafka()
        return try await perform { call throws(KafkaError) in
            guard let partitions = try call.partitions(of: topic.name), !partitions.isEmpty else { return [:] }
            let first = try call.offsets(topic.name, partitions, at: Int64(RD_KAFKA_OFFSET_BEGINNING))
            let end = try call.offsets(topic.name, partitions, at: Int64(RD_KAFKA_OFFSET_END))
            var extent: [Int32: Range<Int64>] = [:]
            for partition in partitions {
                guard let end = end[partition] else { continue }
                let first = max(0, first[partition] ?? 0)
                extent[partition] = first..<max(first, end)
            }
            return extent
        }
    }
}
