public import Sluice

/// How far a group has read a partition.
public struct KafkaPosition: Sendable, Hashable {
    public var topic: Topic
    public var partition: Int32
    /// The first offset that is not yet handled: one past the last that is.
    public var next: Int64

    public init(_ topic: Topic, partition: Int32, next: Int64) {
        self.topic = topic
        self.partition = partition
        self.next = next
    }
}
