import CRDKafka
import Sluice
import SluiceKafka
import SluiceTestBrokers
import Synchronization

/// A producer of librdkafka's without anything around it, for records that no publisher of ours would write.
///
/// librdkafka's handles may be used from any thread, and these are not used after the last reference: hence `@unchecked`.
final class RawProducer: @unchecked Sendable {
    struct Failed: Error {
        let code: rd_kafka_resp_err_t
    }

    private let client: OpaquePointer
    private let topics = Mutex<[String: UInt]>([:])
    private let failures = Counter()

    private final class Counter: Sendable {
        let count = Atomic<Int>(0)
    }

    init(_ configuration: KafkaConfiguration) throws {
        let native = rd_kafka_conf_new()
        var properties = configuration.properties.filter { !$0.key.hasPrefix("fetch.") }
        properties["bootstrap.servers"] = configuration.brokers.joined(separator: ",")
        properties["linger.ms"] = "2"
        properties["enable.idempotence"] = "true"
        properties["queue.buffering.max.messages"] = "2000000"
        for (name, value) in properties { rd_kafka_conf_set(native, name, value, nil, 0) }
        rd_kafka_conf_set_log_cb(native) { _, _, _, _ in }
        rd_kafka_conf_set_opaque(native, Unmanaged.passUnretained(failures).toOpaque())
        rd_kafka_conf_set_dr_msg_cb(native) { _, message, opaque in
            guard let message, let opaque, message.pointee.err != RD_KAFKA_RESP_ERR_NO_ERROR else { return }
            Unmanaged<Counter>.fromOpaque(opaque).takeUnretainedValue().count.add(1, ordering: .relaxed)
        }
        guard let client = rd_kafka_new(RD_KAFKA_PRODUCER, native, nil, 0) else {
            rd_kafka_conf_destroy(native)
            throw Failed(code: RD_KAFKA_RESP_ERR__INVALID_ARG)
        }
        self.client = client
    }

    deinit {
        for address in topics.withLock(\.values) { rd_kafka_topic_destroy(OpaquePointer(bitPattern: address)) }
        rd_kafka_destroy(client)
    }

    /// Queues a record.
    func produce(
        _ value: [UInt8]?, key: [UInt8]? = nil, headers: [(String, [UInt8]?)] = [], partition: Int32 = -1,
        timestamp: Int64 = 0, to topic: Topic
    ) throws {
        let address = topics.withLock { topics in
            if let known = topics[topic.name] { return known }
            let made = UInt(bitPattern: rd_kafka_topic_new(client, topic.name, nil))
            topics[topic.name] = made
            return made
        }
        var list: OpaquePointer?
        if !headers.isEmpty {
            list = rd_kafka_headers_new(headers.count)
            for (name, value) in headers {
                rd_kafka_header_add(list, name, -1, value, value?.count ?? 0)
            }
        }
        let code = sluice_kafka_produce(
            client, OpaquePointer(bitPattern: address), partition, value, value?.count ?? 0, key, key?.count ?? 0,
            timestamp, list, nil)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw Failed(code: code) }
    }

    /// Waits until every record has its report.
    func flush(milliseconds: Int32 = 30_000) throws {
        let code = rd_kafka_flush(client, milliseconds)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR, failures.count.load(ordering: .relaxed) == 0 else {
            throw Failed(code: code)
        }
    }

    /// Publishes texts, all to one partition or by key.
    func produce(texts: some Sequence<String>, key: [UInt8]? = nil, partition: Int32 = -1, to topic: Topic) throws {
        for text in texts { try produce(Array(text.utf8), key: key, partition: partition, to: topic) }
        try flush()
    }
}
