import CRDKafka
import Glibc
import Sluice

/// Copies records out of what librdkafka lent, into one table after the other.
///
/// The bytes are put together in memory that is used again and again: to let arrays grow byte by byte costs several times
/// what the copying does.
struct RecordCopier: ~Copyable {
    /// From how many bytes on a value is copied only once, on its own.
    private static let largeSize = 1_024
    /// How many bytes are kept for the next table.
    private static let keptSize = 1 << 20

    private var bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 1)
    private var byteCount = 0
    private var rows: [RecordTable.Row] = []
    private var slots: [KafkaHeaders.Slot] = []
    /// Where those of the next record begin.
    private var firstSlot = 0
    private var large: [[UInt8]] = []

    init() {}

    deinit {
        bytes.deallocate()
    }

    var isEmpty: Bool { rows.isEmpty }

    /// What was copied since the last table.
    mutating func table() -> RecordTable {
        let table = RecordTable(
            rows: rows, bytes: Array(UnsafeRawBufferPointer(rebasing: bytes[..<byteCount])), slots: slots, large: large)
        // As many as the last ones had will do for the next.
        let counts = (rows.count, slots.count)
        (rows, slots, large) = ([], [], [])
        rows.reserveCapacity(counts.0)
        slots.reserveCapacity(counts.1)
        (byteCount, firstSlot) = (0, 0)
        if bytes.count > Self.keptSize { reallocate(Self.keptSize) }
        return table
    }

    /// Appends those to deliver.
    /// - Returns: how many these are.
    mutating func append(
        _ natives: Slice<UnsafeMutableBufferPointer<UnsafeMutablePointer<rd_kafka_message_t>?>>,
        _ admissions: [PartitionLedger.Admission]
    ) -> Int {
        var count = 0
        for (native, admission) in zip(natives, admissions) {
            guard let native, case .deliver(let isRedelivered) = admission else { continue }
            append(native, isRedelivered: isRedelivered)
            count += 1
        }
        return count
    }

    mutating func append(_ native: UnsafePointer<rd_kafka_message_t>, isRedelivered: Bool = false) {
        var headers: OpaquePointer?
        if rd_kafka_message_headers(native, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR, let headers {
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
        let lent = native.pointee
        append(
            offset: lent.offset, timestamp: Self.timestamp(of: native), isRedelivered: isRedelivered,
            key: lent.key.map { UnsafeRawBufferPointer(start: $0, count: lent.key_len) },
            value: lent.payload.map { UnsafeRawBufferPointer(start: $0, count: lent.len) })
    }

    /// Appends a header of the record that comes next.
    mutating func appendHeader(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer?) {
        let start = byteCount
        copy(name)
        let nameEnd = byteCount
        if let value { copy(value) }
        slots.append(KafkaHeaders.Slot(start: start, nameEnd: nameEnd, valueEnd: value == nil ? -1 : byteCount))
    }

    /// Appends a record with the headers that came before it.
    mutating func append(
        offset: Int64, timestamp: Timestamp?, isRedelivered: Bool, key: UnsafeRawBufferPointer?,
        value: UnsafeRawBufferPointer?
    ) {
        let start = byteCount
        var place = -1
        if let key { copy(key) }
        if let value, value.count >= Self.largeSize {
            place = large.count
            large.append(Array(value))
        } else if let value {
            copy(value)
        }
        rows.append(
            RecordTable.Row(
                offset: offset, timestamp: timestamp, isRedelivered: isRedelivered, start: start,
                keyCount: key?.count ?? -1, valueCount: value?.count ?? -1, large: place,
                headers: firstSlot..<slots.count))
        firstSlot = slots.count
    }

    // Called for every name and value; growing is rare, and stays out of the way.
    @inline(__always)
    private mutating func copy(_ source: UnsafeRawBufferPointer) {
        if source.count > bytes.count - byteCount { reallocate(max(2 * bytes.count, byteCount + source.count)) }
        guard let target = bytes.baseAddress, let base = source.baseAddress else { return }
        memcpy(target + byteCount, base, source.count)
        byteCount += source.count
    }

    @inline(never)
    private mutating func reallocate(_ size: Int) {
        let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 1)
        larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<byteCount]))
        bytes.deallocate()
        bytes = larger
    }

    static func timestamp(of native: UnsafePointer<rd_kafka_message_t>) -> Timestamp? {
        var type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE
        let milliseconds = rd_kafka_message_timestamp(native, &type)
        return type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || milliseconds < 0
            ? nil : Timestamp(millisecondsSince1970: milliseconds)
    }
}
