import CRDKafka
import Sluice

extension AdminCall {
    /// What the topic is; nil where there is none.
    /// - Parameter settings: whether to ask for its settings too.
    func describe(_ topic: String, settings: Bool) throws(KafkaError) -> KafkaTopicDescription? {
        guard let layout = try layout(of: topic) else { return nil }
        var description = KafkaTopicDescription(partitions: layout.count, replicas: layout.map(\.replicas).min() ?? 0)
        if settings { description.settings = try self.settings(of: topic) }
        return description
    }

    /// - Returns: nil where the brokers do not know the question, or do not answer it to this user.
    private func settings(of topic: String) throws(KafkaError) -> [String: String]? {
        guard let resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic) else {
            throw KafkaError(RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE)
        }
        defer { rd_kafka_ConfigResource_destroy(resource) }
        do throws(KafkaError) {
            return try request(RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS) { options, answers in
                var resources: OpaquePointer? = resource
                rd_kafka_DescribeConfigs(client.handle, &resources, 1, options, answers)
            } _: { (event) throws(KafkaError) in
                guard let result = rd_kafka_event_DescribeConfigs_result(event.handle) else { return nil }
                var count = 0
                let resources = rd_kafka_DescribeConfigs_result_resources(result, &count)
                guard let found = UnsafeBufferPointer(start: resources, count: count).first else { return nil }
                try check(
                    rd_kafka_ConfigResource_error(found),
                    rd_kafka_ConfigResource_error_string(found).map { String(cString: $0) })
                return read(found)
            }
        } catch {
            switch error.code.native {
            case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION,
                RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
                // Also without a controller to answer.
                RD_KAFKA_RESP_ERR__TIMED_OUT:
                return nil
            default: throw error
            }
        }
    }

    private func read(_ resource: OpaquePointer?) -> [String: String] {
        var count = 0
        let entries = rd_kafka_ConfigResource_configs(resource, &count)
        var settings: [String: String] = [:]
        for entry in UnsafeBufferPointer(start: entries, count: count) {
            guard let name = rd_kafka_ConfigEntry_name(entry), let value = rd_kafka_ConfigEntry_value(entry) else {
                continue
            }
            settings[String(cString: name)] = String(cString: value)
        }
        return settings
    }
}
