public import Sluice

/// How far a subscriber is behind in the partitions of a topic that it reads, from what the client knows by itself.
public struct KafkaLag: Sendable, Equatable {
    /// One partition.
    public struct Partition: Sendable, Equatable {
        /// How many messages are not settled: those beyond the settled prefix, without what was settled ahead of it.
        /// Offsets that hold no message (deleted by compaction, markers of transactions) count until they are read.
        public var messages: Int64
        /// When the oldest of them was made, to the second; nil where it has not been read yet.
        public var oldest: Timestamp?
        /// How many of them are put aside behind others of their key.
        public var shelved: Int64 = 0
        /// The message that keeps the partition from being read on; nil while it is read.
        public var holder: Holder?
    }

    /// A message that fails, and behind which no more can be remembered: neither in a commit nor in memory.
    public struct Holder: Sendable, Equatable {
        public var offset: Int64
        /// Its id, and its key where that can be printed; nil as long as it has not failed in this process.
        public var id: String?
        public var key: String?
    }

    /// The partitions whose end the client knows, by number. Those that other members of the group read are not among
    /// them.
    public var partitions: [Int32: Partition] = [:]

    /// How many messages are not settled over all of these.
    public var messages: Int64 { partitions.values.reduce(0) { $0.addingSaturated($1.messages) } }

    /// When the oldest of them was made; nil where none is, or none has been read yet.
    public var oldest: Timestamp? { partitions.values.lazy.compactMap(\.oldest).min() }
}
