import CRDKafka
import Sluice

/// How creating a topic ended.
enum TopicCreation: Sendable, Equatable {
    case created
    case exists(partitions: Int)
}

extension AdminCall {
    /// Looks first: where the topic exists no permission to create is needed.
    func create(_ topic: KafkaTopicPlan) throws(KafkaError) -> TopicCreation {
        let outcome = try createUnlessThere(topic)
        if case .created = outcome { waitUntilKnown(topic.topic.name) }
        return outcome
    }

    /// Brokers learn of a topic a moment after it was made; a consumer that asks before looks again only after its
    /// metadata have aged.
    private func waitUntilKnown(_ topic: String) {
        let pause = ThreadSignal()
        while patience > 1 {
            if let partitions = try? partitions(of: topic), !partitions.isEmpty { return }
            pause.wait(until: MonotonicTime.now().advanced(by: .milliseconds(50)))
        }
    }

    private func createUnlessThere(_ topic: KafkaTopicPlan) throws(KafkaError) -> TopicCreation {
        if let partitions = try partitions(of: topic.topic.name) { return .exists(partitions: partitions.count) }
        var text = ErrorText()
        let pointer = text.withBuffer {
            rd_kafka_NewTopic_new(
                topic.topic.name, topic.partitions, topic.replication.map(Int32.init) ?? -1, $0.baseAddress, $0.count)
        }
        guard let pointer else { throw KafkaError(.invalidConfiguration, detail: text.string) }
        defer { rd_kafka_NewTopic_destroy(pointer) }
        for setting in topic.settings {
            try check(rd_kafka_NewTopic_set_config(pointer, setting.name, setting.value))
        }
        return try request(RD_KAFKA_ADMIN_OP_CREATETOPICS) { options, answers in
            var topics: OpaquePointer? = pointer
            rd_kafka_CreateTopics(client.handle, &topics, 1, options, answers)
        } _: { (event) throws(KafkaError) in
            guard let result = rd_kafka_event_CreateTopics_result(event.handle) else { return .created }
            var count = 0
            let topics = rd_kafka_CreateTopics_result_topics(result, &count)
            for outcome in UnsafeBufferPointer(start: topics, count: count) {
                let code = rd_kafka_topic_result_error(outcome)
                // Another client was faster.
                if code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS { return .exists(partitions: Int(topic.partitions)) }
                try check(code, rd_kafka_topic_result_error_string(outcome).map { String(cString: $0) })
            }
            return .created
        }
    }
}
