import CRDKafka
internal import Sluice

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Records of one partition, copied out of what librdkafka lent: their keys, values and headers lie in one run of bytes.
struct RecordTable: Sendable {
    private struct Row {
        let offset: Int64
        let timestamp: Timestamp?
        let isRedelivered: Bool
        /// Where the key begins; the value follows.
        let start: Int
        /// -1 for null, like the value's.
        let keyCount: Int
        let valueCount: Int
        /// The value's place among the large ones; -1 where it is among the bytes.
        let large: Int
        var headers: Range<Int>
    }

    /// From how many bytes on a value is copied only once.
    private static let largeSize = 1_024

    private var rows: [Row] = []
    private var bytes: [UInt8] = []
    private var slots: [KafkaHeaders.Slot] = []
    private var large: [[UInt8]] = []

    /// - Parameter bytes: as many as will be needed, roughly.
    init(capacity: Int, bytes: Int) {
        rows.reserveCapacity(capacity)
        self.bytes.reserveCapacity(bytes)
    }

    var count: Int { rows.count }
    var byteCount: Int { bytes.count }

    func offset(_ row: Int) -> Int64 { rows[row].offset }
    func isRedelivered(_ row: Int) -> Bool { rows[row].isRedelivered }

    /// A record to read rows into, one after the other.
    func record(of partition: Int32) -> KafkaRecord {
        var record = KafkaRecord()
        record.partition = partition
        record.headers = KafkaHeaders(sharing: bytes, slots)
        return record
    }

    func read(_ row: Int, into record: inout KafkaRecord) {
        let row = rows[row]
        record.offset = row.offset
        record.timestamp = row.timestamp
        record.key = row.keyCount < 0 ? nil : Array(bytes[row.start..<(row.start + row.keyCount)])
        if row.large >= 0 {
            record.value = large[row.large]
        } else if row.valueCount < 0 {
            record.value = nil
        } else {
            let start = row.start + max(0, row.keyCount)
            record.value = Array(bytes[start..<(start + row.valueCount)])
        }
        record.headers.select(row.headers)
    }

    // MARK: Filling

    /// Appends a record without headers.
    mutating func append(
        offset: Int64, timestamp: Timestamp?, isRedelivered: Bool, key: UnsafeRawBufferPointer?,
        value: UnsafeRawBufferPointer?
    ) {
        let start = bytes.count
        var place = -1
        if let key { bytes.append(contentsOf: key) }
        if let value, value.count >= Self.largeSize {
            place = large.count
            large.append(Array(value))
        } else if let value {
            bytes.append(contentsOf: value)
        }
        rows.append(
            Row(
                offset: offset, timestamp: timestamp, isRedelivered: isRedelivered, start: start,
                keyCount: key?.count ?? -1, valueCount: value?.count ?? -1, large: place,
                headers: slots.count..<slots.count))
    }

    /// Appends a header to the last record.
    mutating func appendHeader(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer?) {
        slots.append(KafkaHeaders.Slot(appending: name, value, to: &bytes))
        rows[rows.count - 1].headers = rows[rows.count - 1].headers.lowerBound..<slots.count
    }

    mutating func append(_ native: UnsafePointer<rd_kafka_message_t>, isRedelivered: Bool) {
        let lent = native.pointee
        append(
            offset: lent.offset, timestamp: Self.timestamp(of: native), isRedelivered: isRedelivered,
            key: lent.key.map { UnsafeRawBufferPointer(start: $0, count: lent.key_len) },
            value: lent.payload.map { UnsafeRawBufferPointer(start: $0, count: lent.len) })
        var headers: OpaquePointer?
        guard rd_kafka_message_headers(native, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR, let headers else { return }
        var index = 0
        var name: UnsafePointer<CChar>?
        var value: UnsafeRawPointer?
        var size = 0
        while rd_kafka_header_get_all(headers, index, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR,
            let text = name
        {
            appendHeader(
                UnsafeRawBufferPointer(start: text, count: strlen(text)),
                value.map { UnsafeRawBufferPointer(start: $0, count: size) })
            index += 1
        }
    }

    static func timestamp(of native: UnsafePointer<rd_kafka_message_t>) -> Timestamp? {
        var type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE
        let milliseconds = rd_kafka_message_timestamp(native, &type)
        return type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || milliseconds < 0
            ? nil : Timestamp(millisecondsSince1970: milliseconds)
    }
}
