import CRDKafka
package import Sluice

extension KafkaTopics {
    /// How many records one call reads at most: what the client fetches ahead.
    package static let mostRecords = 2_000

    /// A record that was read, as a message.
    package struct Found: Sendable {
        package var message: Message
        package var offset: Int64
        /// When it was made, or when the broker took it, as the topic is configured; nil where it says nothing.
        package var timestamp: Timestamp?
        package var key: [UInt8]?
    }

    /// Reads records of one partition, without a group.
    /// - Parameters:
    ///   - first: where to begin; what is gone is passed over.
    ///   - last: the last offset that is wanted.
    ///   - limit: how many at most, and never more than ``mostRecords``.
    /// - Returns: in their order; none where the partition has none of these any more.
    /// - Throws: ``KafkaError``, also when the brokers do not answer in time.
    package func records(
        of topic: Topic, partition: Int32, from first: Int64, through last: Int64, limit: Int = mostRecords
    ) async throws(KafkaError) -> [Found] {
        try topic.validateForKafka()
        guard first <= last, limit > 0 else { return [] }
        let reader = RecordReader(topic: topic, marshaler: .watermill, logger: logger)
        return try await perform { call throws(KafkaError) in
            let table = try call.read(
                topic.name, partition, from: first, through: last, limit: min(limit, Self.mostRecords))
            var record = table.record(of: partition)
            return (0..<table.count).map { row in
                table.read(row, into: &record)
                var failure: (any Error)?
                let message = reader.read(record, &failure)
                return Found(
                    message: message, offset: table.offset(row), timestamp: record.timestamp, key: record.key)
            }
        }
    }

    /// The offsets that each partition holds: from its oldest record's to the one that the next will have. Empty where there
    /// is no such topic.
    /// - Throws: ``KafkaError``, also when the brokers do not answer in time.
    package func bounds(of topic: Topic) async throws(KafkaError) -> [Int32: Range<Int64>] {
        try topic.validateForKafka()
        return try await perform { call throws(KafkaError) in
            guard let partitions = try call.partitions(of: topic.name), !partitions.isEmpty else { return [:] }
            let first = try call.offsets(topic.name, partitions, at: Int64(RD_KAFKA_OFFSET_BEGINNING))
            let end = try call.offsets(topic.name, partitions, at: Int64(RD_KAFKA_OFFSET_END))
            return end.reduce(into: [:]) { bounds, partition in
                bounds[partition.key] = min(first[partition.key] ?? 0, partition.value)..<partition.value
            }
        }
    }

    /// The offset of each partition's first record that is not older than a time. Partitions without one are left out.
    /// - Throws: ``KafkaError``, also when the brokers do not answer in time.
    package func offsets(of topic: Topic, at time: Timestamp) async throws(KafkaError) -> [Int32: Int64] {
        try topic.validateForKafka()
        return try await perform { call throws(KafkaError) in
            guard let partitions = try call.partitions(of: topic.name), !partitions.isEmpty else { return [:] }
            return try call.offsets(topic.name, partitions, at: max(0, time.millisecondsSince1970))
        }
    }
}

extension AdminCall {
    /// What the records of one call may take up in bytes: the one that goes beyond is the last.
    private static let mostBytes = 8 << 20

    /// For a client that is told of the end of partitions.
    fileprivate func read(
        _ topic: String, _ partition: Int32, from first: Int64, through last: Int64, limit: Int
    ) throws(KafkaError) -> RecordTable {
        guard let handle = rd_kafka_topic_new(client.handle, topic, nil) else {
            throw KafkaError(rd_kafka_last_error())
        }
        defer { rd_kafka_topic_destroy(handle) }
        guard rd_kafka_consume_start(handle, partition, first) == 0 else { throw KafkaError(rd_kafka_last_error()) }
        defer { _ = rd_kafka_consume_stop(handle, partition) }
        var copier = RecordCopier()
        var (count, bytes) = (0, 0)
        while count < limit, bytes < Self.mostBytes {
            guard let record = rd_kafka_consume(handle, partition, min(patience, 500)) else {
                try checkWanted()
                guard patience > 1 else { throw KafkaError(RD_KAFKA_RESP_ERR__TIMED_OUT) }
                continue
            }
            defer { rd_kafka_message_destroy(record) }
            if record.pointee.err == RD_KAFKA_RESP_ERR__PARTITION_EOF { break }
            try check(record.pointee.err)
            guard record.pointee.offset <= last else { break }
            guard record.pointee.offset >= first else { continue }
            copier.append(record)
            count += 1
            bytes += record.pointee.len + record.pointee.key_len
            if record.pointee.offset == last { break }
        }
        client.monitor.brokerAnswered()
        return copier.table()
    }
}
