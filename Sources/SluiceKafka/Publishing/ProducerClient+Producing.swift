import CRDKafka
import Sluice

extension ProducerClient {
    /// Copies the record into librdkafka's queue.
    /// - Parameter opaque: comes back with the report, which comes only after success here.
    func produce(
        _ record: borrowing KafkaRecord, to topic: TopicHandle, opaque: UnsafeMutableRawPointer?
    ) -> rd_kafka_resp_err_t {
        let headers = record.headers.native()
        let code = Self.lend(record.value) { value in
            Self.lend(record.key) { key in
                sluice_kafka_produce(
                    native.handle, topic.pointer, record.partition ?? RD_KAFKA_PARTITION_UA, value.baseAddress,
                    value.count, key.baseAddress, key.count, record.timestamp?.millisecondsSince1970 ?? 0, headers,
                    opaque)
            }
        }
        // They are librdkafka's only if it took the record.
        if code != RD_KAFKA_RESP_ERR_NO_ERROR, let headers { rd_kafka_headers_destroy(headers) }
        return code
    }

    /// Null for nil, and an address for empty bytes: Kafka tells them apart.
    private static func lend<Result>(_ bytes: [UInt8]?, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        guard let bytes else { return body(UnsafeRawBufferPointer(start: nil, count: 0)) }
        guard bytes.isEmpty else { return bytes.withUnsafeBytes(body) }
        return withUnsafeBytes(of: UInt8(0)) { body(UnsafeRawBufferPointer(rebasing: $0.prefix(0))) }
    }
}
