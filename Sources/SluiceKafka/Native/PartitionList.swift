import CRDKafka
import Sluice

/// Owns an `rd_kafka_topic_partition_list_t`.
struct PartitionList: ~Copyable {
    let handle: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>

    init(capacity: Int = 0) {
        handle = rd_kafka_topic_partition_list_new(Int32(clamping: capacity))
    }

    init(_ topic: Topic, _ partitions: [Int32]) {
        self.init(capacity: partitions.count)
        for partition in partitions { append(topic.name, partition) }
    }

    /// Takes over a list that librdkafka gave away.
    init(consuming handle: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>) {
        self.handle = handle
    }

    /// Copies a list that librdkafka lent.
    init(copying handle: UnsafePointer<rd_kafka_topic_partition_list_t>) {
        self.handle = rd_kafka_topic_partition_list_copy(handle)
    }

    deinit {
        rd_kafka_topic_partition_list_destroy(handle)
    }

    var count: Int { handle.elements.count }

    /// - Parameter offset: an offset or one of `RD_KAFKA_OFFSET_…`; a list of times holds milliseconds since 1970.
    func append(_ topic: String, _ partition: Int32, offset: Int64 = Int64(RD_KAFKA_OFFSET_INVALID)) {
        rd_kafka_topic_partition_list_add(handle, topic, partition).pointee.offset = offset
    }

    func forEach(_ body: (borrowing rd_kafka_topic_partition_t) -> Void) {
        for element in handle.elements { body(element) }
    }
}

extension UnsafeMutablePointer<rd_kafka_topic_partition_list_t> {
    /// The list's elements, lent.
    var elements: UnsafeMutableBufferPointer<rd_kafka_topic_partition_t> {
        UnsafeMutableBufferPointer(start: pointee.elems, count: Int(pointee.cnt))
    }
}
