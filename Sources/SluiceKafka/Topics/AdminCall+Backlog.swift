import CRDKafka

extension AdminCall {
    /// What of a partition lies beyond what a group has committed.
    struct Unread {
        var messages: Int64
        /// The offset of the first of them.
        var next: Int64
    }

    func unread(of topic: String, group: String) throws(KafkaError) -> [Int32: Unread] {
        guard let partitions = try partitions(of: topic), !partitions.isEmpty else { return [:] }
        let committed = try committed(by: group, topic, partitions)
        let first = try offsets(topic, partitions, at: Int64(RD_KAFKA_OFFSET_BEGINNING))
        let end = try offsets(topic, partitions, at: Int64(RD_KAFKA_OFFSET_END))
        var unread: [Int32: Unread] = [:]
        for partition in partitions {
            guard let end = end[partition] else { continue }
            // What retention has taken does not count.
            let next = max(committed[partition] ?? 0, first[partition] ?? 0)
            unread[partition] = Unread(
                messages: max(0, end.subtractingReportingOverflow(next).partialValue), next: next)
        }
        return unread
    }

    /// - Parameter time: milliseconds since 1970, or one of `RD_KAFKA_OFFSET_…`.
    func offsets(
        _ topic: String, _ partitions: [Int32], at time: Int64
    ) throws(KafkaError) -> [Int32: Int64] {
        let list = PartitionList(capacity: partitions.count)
        for partition in partitions { list.append(topic, partition, offset: time) }
        try check(rd_kafka_offsets_for_times(client.handle, list.handle, patience))
        return try read(list.handle)
    }

    /// Where the group goes on; partitions for which it has committed nothing are not in it.
    func committed(
        by group: String, _ topic: String, _ partitions: [Int32]
    ) throws(KafkaError) -> [Int32: Int64] {
        try committed(by: group, topic, partitions, none: [:]) { (offsets) throws(KafkaError) in try read(offsets) }
    }

    /// - Parameter none: what stands for no answer.
    func committed<Value>(
        by group: String, _ topic: String, _ partitions: [Int32], none: Value,
        _ read: (UnsafePointer<rd_kafka_topic_partition_list_t>) throws(KafkaError) -> Value
    ) throws(KafkaError) -> Value {
        let list = PartitionList(capacity: partitions.count)
        for partition in partitions { list.append(topic, partition) }
        guard let question = rd_kafka_ListConsumerGroupOffsets_new(group, list.handle) else { return none }
        defer { rd_kafka_ListConsumerGroupOffsets_destroy(question) }
        return try request(RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS) { options, answers in
            var questions: OpaquePointer? = question
            rd_kafka_ListConsumerGroupOffsets(client.handle, &questions, 1, options, answers)
        } _: { (event) throws(KafkaError) in
            guard let result = rd_kafka_event_ListConsumerGroupOffsets_result(event.handle) else { return none }
            var count = 0
            let groups = rd_kafka_ListConsumerGroupOffsets_result_groups(result, &count)
            guard let answer = UnsafeBufferPointer(start: groups, count: count).first else { return none }
            if let error = rd_kafka_group_result_error(answer) {
                try check(rd_kafka_error_code(error), String(cString: rd_kafka_error_string(error)))
            }
            guard let offsets = rd_kafka_group_result_partitions(answer) else { return none }
            return try read(offsets)
        }
    }

    private func read(
        _ list: UnsafePointer<rd_kafka_topic_partition_list_t>
    ) throws(KafkaError) -> [Int32: Int64] {
        var offsets: [Int32: Int64] = [:]
        for element in UnsafeBufferPointer(start: list.pointee.elems, count: Int(list.pointee.cnt)) {
            try check(element.err)
            if element.offset >= 0 { offsets[element.partition] = element.offset }
        }
        return offsets
    }
}
