import CRDKafka
internal import Sluice

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Makes messages of what librdkafka lends. Belongs to the session's thread.
struct RecordReader {
    private let topic: Topic
    private let marshaler: any KafkaMarshaler
    /// Used again for every record.
    private var record = KafkaRecord()

    init(_ topic: Topic, _ marshaler: any KafkaMarshaler) {
        self.topic = topic
        self.marshaler = marshaler
    }

    /// - Returns: the message, and what is known of it beside.
    mutating func read(_ native: UnsafePointer<rd_kafka_message_t>) -> (Message, Delivery.Origin) {
        let lent = native.pointee
        record.key = lent.key.map { Array(UnsafeRawBufferPointer(start: $0, count: lent.key_len)) }
        record.value = lent.payload.map { Array(UnsafeRawBufferPointer(start: $0, count: lent.len)) }
        record.timestamp = Self.timestamp(of: native)
        record.partition = lent.partition
        record.offset = lent.offset
        record.headers.removeAll()
        readHeaders(native)
        var origin = Delivery.Origin(
            partition: lent.partition, offset: lent.offset, timestamp: record.timestamp, key: record.key)
        do {
            return (try marshaler.unmarshal(record, from: topic), origin)
        } catch {
            origin.failure =
                error is any DispositionError
                ? error : KafkaError(.malformed, detail: "the marshaler cannot read a record: \(error)")
            return (WatermillMarshaler().unmarshal(record, from: topic), origin)
        }
    }

    static func timestamp(of native: UnsafePointer<rd_kafka_message_t>) -> Timestamp? {
        var type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE
        let milliseconds = rd_kafka_message_timestamp(native, &type)
        return type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || milliseconds < 0
            ? nil : Timestamp(millisecondsSince1970: milliseconds)
    }

    private mutating func readHeaders(_ native: UnsafePointer<rd_kafka_message_t>) {
        var headers: OpaquePointer?
        guard rd_kafka_message_headers(native, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR, let headers else { return }
        var index = 0
        var name: UnsafePointer<CChar>?
        var value: UnsafeRawPointer?
        var size = 0
        while rd_kafka_header_get_all(headers, index, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR,
            let text = name
        {
            record.headers.append(
                name: UnsafeRawBufferPointer(start: text, count: strlen(text)),
                value: value.map { UnsafeRawBufferPointer(start: $0, count: size) })
            index += 1
        }
    }
}
