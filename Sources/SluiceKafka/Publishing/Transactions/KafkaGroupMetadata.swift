import CRDKafka

/// A consumer's membership in its group at one moment, with which a transaction commits what the consumer has read.
///
/// To be taken anew for each transaction: brokers refuse one from before a rebalance. It is only read after it was made,
/// hence `@unchecked`.
public final class KafkaGroupMetadata: @unchecked Sendable {
    let handle: OpaquePointer

    /// Nil for a client that is in no group.
    init?(of consumer: NativeClient) {
        guard let handle = rd_kafka_consumer_group_metadata(consumer.handle) else { return nil }
        self.handle = handle
    }

    deinit {
        rd_kafka_consumer_group_metadata_destroy(handle)
    }
}
