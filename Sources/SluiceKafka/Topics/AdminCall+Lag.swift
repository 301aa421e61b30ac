import CRDKafka
import Sluice
import Synchronization

extension AdminCall {
    /// How far a group is behind in each partition.
    /// - Parameter times: when records were made, as far as it was looked up before.
    func lag(of topic: String, group: String, _ times: RecordTimes) throws(KafkaError) -> KafkaLag {
        var lag = KafkaLag()
        var next: [Int32: Int64] = [:]
        for (partition, unread) in try unread(of: topic, group: group) {
            lag.partitions[partition] = KafkaLag.Partition(messages: unread.messages)
            if unread.messages > 0 { next[partition] = unread.next }
        }
        times.keep(next, of: topic)
        let unknown = next.filter { times.time(topic, $0.key, $0.value) == nil }
        if !unknown.isEmpty { read(unknown, of: topic, into: times) }
        for (partition, offset) in next {
            lag.partitions[partition]?.oldest = times.time(topic, partition, offset)
        }
        return lag
    }

    /// Reads one record of each partition, from this offset on. What does not come in time stays unknown.
    private func read(_ offsets: [Int32: Int64], of topic: String, into times: RecordTimes) {
        guard let handle = rd_kafka_topic_new(client.handle, topic, nil) else { return }
        defer { rd_kafka_topic_destroy(handle) }
        let started = offsets.filter { rd_kafka_consume_start(handle, $0.key, $0.value) == 0 }
        for (partition, offset) in started {
            if let record = rd_kafka_consume(handle, partition, patience) {
                if record.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR, let time = RecordCopier.timestamp(of: record) {
                    times.note(time, topic, partition, offset)
                }
                rd_kafka_message_destroy(record)
            }
            _ = rd_kafka_consume_stop(handle, partition)
        }
    }
}

/// When the records were made with which groups go on: looked up once for each place.
final class RecordTimes: Sendable {
    private struct Mark {
        var offset: Int64
        var time: Timestamp
    }

    private let marks = Mutex<[String: [Int32: Mark]]>([:])

    func time(_ topic: String, _ partition: Int32, _ offset: Int64) -> Timestamp? {
        marks.withLock { $0[topic]?[partition] }.flatMap { $0.offset == offset ? $0.time : nil }
    }

    func note(_ time: Timestamp, _ topic: String, _ partition: Int32, _ offset: Int64) {
        marks.withLock { $0[topic, default: [:]][partition] = Mark(offset: offset, time: time) }
    }

    /// Forgets the partitions that are not among these.
    func keep(_ partitions: [Int32: Int64], of topic: String) {
        marks.withLock { $0[topic] = $0[topic]?.filter { partitions[$0.key] != nil } }
    }
}
