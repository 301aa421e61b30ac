import CRDKafka
import Sluice
import Synchronization

/// Owns a partition's own queue of fetched records, so that it can be left alone while the subscription is full. Belongs
/// to the consumer's thread.
final class PartitionReader {
    private(set) var feed: PartitionFeed
    private let queue: OpaquePointer
    private var isOpen = true

    /// Takes the partition's records out of the queue that all partitions share. To be made before it is assigned.
    /// - Returns: nil when the client does not know the partition.
    init?(_ client: NativeClient, _ topic: Topic, _ feed: PartitionFeed) {
        guard let queue = rd_kafka_queue_get_partition(client.handle, topic.name, feed.partition) else { return nil }
        self.queue = queue
        self.feed = feed
        rd_kafka_queue_forward(queue, nil)
        watch()
    }

    deinit {
        close()
    }

    private func watch() {
        let opaque = Unmanaged.passUnretained(feed).toOpaque()
        rd_kafka_queue_cb_event_enable(
            queue,
            { _, opaque in
                guard let opaque else { return }
                Unmanaged<PartitionFeed>.fromOpaque(opaque).takeUnretainedValue().noteRecords()
            }, opaque)
    }

    /// What comes next has nothing to do with what came before.
    func start(over feed: PartitionFeed) {
        let old = self.feed
        self.feed = feed
        watch()
        old.abandon()
    }

    /// Moves what the client has into the buffer.
    /// - Returns: how many there were.
    func take(into buffer: UnsafeMutableBufferPointer<UnsafeMutablePointer<rd_kafka_message_t>?>) -> Int {
        // Before it is emptied: what comes afterwards sets it again.
        feed.hasRecords.store(false, ordering: .releasing)
        let count = max(0, rd_kafka_consume_batch_queue(queue, 0, buffer.baseAddress, buffer.count))
        if count == buffer.count { feed.hasRecords.store(true, ordering: .releasing) }
        return count
    }

    /// Lets go of the partition; what comes late settles nothing.
    func close() {
        guard isOpen else { return }
        isOpen = false
        rd_kafka_queue_cb_event_enable(queue, nil, nil)
        rd_kafka_queue_destroy(queue)
        feed.revoke()
        feed.abandon()
    }
}
