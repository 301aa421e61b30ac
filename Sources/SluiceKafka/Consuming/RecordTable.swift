import Sluice

/// Records of one partition, copied out of what librdkafka lent: their keys, values and headers lie in one run of bytes.
struct RecordTable: Sendable {
    struct Row: Sendable {
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
        let headers: Range<Int>
    }

    private let rows: [Row]
    private let bytes: [UInt8]
    private let slots: [KafkaHeaders.Slot]
    private let large: [[UInt8]]

    init(rows: [Row], bytes: [UInt8], slots: [KafkaHeaders.Slot], large: [[UInt8]]) {
        self.rows = rows
        self.bytes = bytes
        self.slots = slots
        self.large = large
    }

    var count: Int { rows.count }

    /// About how many bytes the messages of these rows take up.
    func size(_ range: Range<Int>) -> Int {
        var size = 0
        for row in rows[range] {
            size += Message.overhead + max(0, row.keyCount) + max(0, row.valueCount)
            guard !row.headers.isEmpty else { continue }
            // They lie in front of the key.
            size += row.start - slots[row.headers.lowerBound].start + row.headers.count * Metadata.entryOverhead
        }
        return size
    }

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
        bytes.withUnsafeBytes { bytes in
            func copy(_ start: Int, _ count: Int) -> [UInt8]? {
                count < 0 ? nil : Array(UnsafeRawBufferPointer(rebasing: bytes[start..<(start + count)]))
            }
            record.key = copy(row.start, row.keyCount)
            record.value =
                row.large < 0 ? copy(row.start + max(0, row.keyCount), row.valueCount) : large[row.large]
        }
        record.headers.select(row.headers)
    }
}
