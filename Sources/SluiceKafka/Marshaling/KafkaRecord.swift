public import Sluice

/// What Kafka keeps of a message.
public struct KafkaRecord: Sendable {
    /// Records of one key go to one partition, in order. Nil for none.
    public var key: [UInt8]?
    /// The content; nil is a tombstone, with which compaction deletes the key.
    public var value: [UInt8]?
    public var headers = KafkaHeaders()
    /// When it was made, or when the broker took it, as the topic is configured. Nil: when it is published.
    public var timestamp: Timestamp?
    /// Where it lies. Publishing, a partition overrides the key's; nil leaves it to the key.
    public var partition: Int32?
    /// Its place in the partition; nil before it is published.
    public var offset: Int64?

    public init() {}
}
