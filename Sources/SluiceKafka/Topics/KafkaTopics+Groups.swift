import CRDKafka

extension KafkaTopics {
    /// How many members a group has; 0 where there is no such group, nil where the brokers do not say.
    /// - Throws: `ConfigurationError` for a group without a name; ``KafkaError``, also when the brokers do not answer in time.
    public func members(of group: String) async throws -> Int? {
        try Self.check(group)
        return try await perform { session throws(KafkaError) in try session.members(of: group) }
    }

    /// Deletes a group without members, with all that it has committed (KIP-229; Kafka 1.1 or later).
    /// - Returns: false where there is no such group.
    /// - Throws: `ConfigurationError` for a group without a name; ``KafkaError``: one that ``KafkaError/saysThatTheGroupHasMembers`` when it is read.
    public func delete(group: String) async throws -> Bool {
        try Self.check(group)
        return try await perform { session throws(KafkaError) in try session.delete(group: group) }
    }
}

extension AdminSession {
    func members(of group: String) throws(KafkaError) -> Int? {
        do throws(KafkaError) {
            return try request(RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS) { options, answers in
                group.withCString { name in
                    var names: UnsafePointer<CChar>? = name
                    rd_kafka_DescribeConsumerGroups(client.handle, &names, 1, options, answers)
                }
            } _: { (event) throws(KafkaError) in
                var count = 0
                guard let result = rd_kafka_event_DescribeConsumerGroups_result(event.handle),
                    let groups = rd_kafka_DescribeConsumerGroups_result_groups(result, &count), count > 0,
                    let found = groups[0]
                else { return nil }
                if let error = rd_kafka_ConsumerGroupDescription_error(found) {
                    try check(rd_kafka_error_code(error), String(cString: rd_kafka_error_string(error)))
                }
                return rd_kafka_ConsumerGroupDescription_member_count(found)
            }
        } catch {
            switch error.code.native {
            case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION,
                RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
                return nil
            default: throw error
            }
        }
    }

    func delete(group: String) throws(KafkaError) -> Bool {
        guard let question = rd_kafka_DeleteGroup_new(group) else {
            throw KafkaError(RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE)
        }
        defer { rd_kafka_DeleteGroup_destroy(question) }
        return try request(RD_KAFKA_ADMIN_OP_DELETEGROUPS) { options, answers in
            var questions: OpaquePointer? = question
            rd_kafka_DeleteGroups(client.handle, &questions, 1, options, answers)
        } _: { (event) throws(KafkaError) in
            var count = 0
            guard let result = rd_kafka_event_DeleteGroups_result(event.handle),
                let groups = rd_kafka_DeleteGroups_result_groups(result, &count), count > 0, let answer = groups[0]
            else { return true }
            guard let error = rd_kafka_group_result_error(answer) else { return true }
            if rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND { return false }
            try check(rd_kafka_error_code(error), String(cString: rd_kafka_error_string(error)))
            return true
        }
    }
}
