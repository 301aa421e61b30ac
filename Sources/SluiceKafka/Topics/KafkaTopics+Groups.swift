import CRDKafka

extension KafkaTopics {
    /// How many members a group has; 0 where there is no such group, nil where the brokers do not say: they do not know the
    /// question, or do not answer it to this user.
    /// - Throws: `ConfigurationError` for a group without a name; ``KafkaError``, also when the brokers do not answer in time.
    public func members(of group: String) async throws -> Int? {
        try Self.check(group)
        return try await perform { call throws(KafkaError) in try call.members(of: group) }
    }

    /// Deletes a group without members, with all that it has committed (KIP-229; Kafka 1.1 or later).
    /// - Returns: false where there is no such group.
    /// - Throws: `ConfigurationError` for a group without a name; ``KafkaError``: one that ``KafkaError/saysThatTheGroupHasMembers`` when it is read.
    public func delete(group: String) async throws -> Bool {
        try Self.check(group)
        return try await perform { call throws(KafkaError) in try call.delete(group: group) }
    }
}

extension AdminCall {
    /// Asked of all brokers, by the requests of Kafka 0.9. The admin client's own question is not: where a broker does not know it,
    /// librdkafka ends the process (its issue 4605; `rd_kafka_admin_coord_request` in `rdkafka_admin.c`).
    func members(of group: String) throws(KafkaError) -> Int? {
        do throws(KafkaError) {
            return try listedMembers(of: group)
        } catch {
            switch error.code.native {
            case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION,
                RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
                return nil
            default: throw error
            }
        }
    }

    /// - Returns: nil where the broker that knows may not have answered.
    private func listedMembers(of group: String) throws(KafkaError) -> Int? {
        // It cannot be interrupted: while a broker does not answer it is asked again and again, each time for longer.
        var limit: Int32 = 2_000
        while true {
            var list: UnsafePointer<rd_kafka_group_list>?
            let code = rd_kafka_list_groups(client.handle, group, &list, min(patience, limit))
            defer { if let list { rd_kafka_group_list_destroy(list) } }
            switch code {
            case RD_KAFKA_RESP_ERR_NO_ERROR, RD_KAFKA_RESP_ERR__PARTIAL:
                client.monitor.brokerAnswered()
                let groups = UnsafeBufferPointer(start: list?.pointee.groups, count: Int(list?.pointee.group_cnt ?? 0))
                let found = groups.filter { String(cString: $0.group) == group }
                if let known = found.first(where: { $0.err == RD_KAFKA_RESP_ERR_NO_ERROR }) {
                    return Int(known.member_cnt)
                }
                return found.isEmpty && code == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : nil
            case RD_KAFKA_RESP_ERR__TIMED_OUT:
                guard patience > 1 else { throw KafkaError(code) }
                try checkWanted()
                limit = min(limit * 2, 10_000)
            default: throw KafkaError(code)
            }
        }
    }

    func delete(group: String) throws(KafkaError) -> Bool {
        // Fails where brokers cannot list groups: they cannot delete them either, and that question would end the process as well.
        _ = try listedMembers(of: group)
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
