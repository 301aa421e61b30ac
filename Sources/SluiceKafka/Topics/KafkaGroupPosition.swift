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
    /// - Throws: `ConfigurationError` for a group without a name; ``KafkaError``, also when the brokers do not answer in time.
    public func positions(of topic: Topic, group: String) async throws -> [Int32: KafkaGroupPosition] {
        try Self.check(group)
        try topic.validateForKafka()
        return try await perform { call throws(KafkaError) in
            try call.positions(of: topic.name, group: group)
        }
    }
}

extension KafkaTopics {
    /// Commits where a group without members goes on, in every partition that the topic has now.
    /// - Parameters:
    ///   - group: its name.
    ///   - topic: what it reads.
    ///   - start: with the oldest records, behind the newest, or with those that are not older than a time.
    /// - Throws: `ConfigurationError` for a group without a name; ``KafkaError``: `UNKNOWN_MEMBER_ID` or the like when the group has members.
    public func seek(
        _ group: String, of topic: Topic, to start: StartPosition
    ) async throws {
        try Self.check(group)
        try topic.validateForKafka()
        try await perform { call throws(KafkaError) in try call.seek(group, of: topic.name, to: start) }
    }
}

extension KafkaTopics {
    /// Asks the leader of every partition of the topic for something, and leaves nothing there.
    /// - Throws: ``KafkaError`` when one of them does not answer in time.
    public func reach(_ topic: Topic, within limit: Duration) async throws(KafkaError) {
        try topic.validateForKafka()
        try await perform(within: limit) { call throws(KafkaError) in
            guard let partitions = try call.partitions(of: topic.name) else {
                throw KafkaError(.unknownTopic, detail: "there is no topic \(topic.name)")
            }
            _ = try call.offsets(topic.name, partitions, at: Int64(RD_KAFKA_OFFSET_END))
        }
    }
}

extension AdminCall {
    func seek(_ group: String, of topic: String, to start: StartPosition) throws(KafkaError) {
        guard let partitions = try partitions(of: topic), !partitions.isEmpty else { return }
        let time =
            switch start.kind {
            case .beginning: Int64(RD_KAFKA_OFFSET_BEGINNING)
            case .end: Int64(RD_KAFKA_OFFSET_END)
            case .time(let time): max(0, time.millisecondsSince1970)
            }
        let found = try offsets(topic, partitions, at: time)
        // Where all records are older than the time, there is none to begin with.
        let end = found.count < partitions.count ? try offsets(topic, partitions, at: Int64(RD_KAFKA_OFFSET_END)) : [:]
        let list = PartitionList(capacity: partitions.count)
        for partition in partitions {
            guard let offset = found[partition] ?? end[partition] else {
                throw KafkaError(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
            }
            list.append(topic, partition, offset: offset)
        }
        try commit(list, of: group)
    }

    func commit(_ list: borrowing PartitionList, of group: String) throws(KafkaError) {
        guard let question = rd_kafka_AlterConsumerGroupOffsets_new(group, list.handle) else {
            throw KafkaError(RD_KAFKA_RESP_ERR__INVALID_ARG)
        }
        defer { rd_kafka_AlterConsumerGroupOffsets_destroy(question) }
        try request(RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS) { options, answers in
            var questions: OpaquePointer? = question
            rd_kafka_AlterConsumerGroupOffsets(client.handle, &questions, 1, options, answers)
        } _: { (event) throws(KafkaError) in
            var count = 0
            guard let result = rd_kafka_event_AlterConsumerGroupOffsets_result(event.handle),
                let groups = rd_kafka_AlterConsumerGroupOffsets_result_groups(result, &count), count > 0,
                let answer = groups[0]
            else { return }
            if let error = rd_kafka_group_result_error(answer) {
                try check(rd_kafka_error_code(error), String(cString: rd_kafka_error_string(error)))
            }
            guard let partitions = rd_kafka_group_result_partitions(answer) else { return }
            for element in UnsafeBufferPointer(start: partitions.pointee.elems, count: Int(partitions.pointee.cnt)) {
                try check(element.err)
            }
        }
    }
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

extension KafkaError {
    /// Whether a position could not be committed because members of the group read.
    public var saysThatTheGroupHasMembers: Bool {
        switch code.native {
        case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION,
            RD_KAFKA_RESP_ERR_NON_EMPTY_GROUP, RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
            true
        default: false
        }
    }
}
