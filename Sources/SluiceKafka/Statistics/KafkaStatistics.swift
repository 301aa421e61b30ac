import Sluice

/// A client's figures at one moment, as librdkafka counts them
/// (<https://github.com/confluentinc/librdkafka/blob/v2.0.2/STATISTICS.md>).
public struct KafkaStatistics: Sendable, Equatable {
    /// Brokers by name, those included that are known and not connected.
    public var brokers: [String: Broker] = [:]
    /// Messages in the producer's queues: `msg_cnt`.
    public var queuedMessages = 0
    /// Their bytes: `msg_size`.
    public var queuedBytes = 0
    /// Partitions by topic and number.
    public var topics: [String: [Int32: Partition]] = [:]
    /// The consumer group's state; nil for a producer.
    public var group: Group?

    /// One broker.
    public struct Broker: Sendable, Equatable {
        /// -1 until it is known.
        public var id: Int32
        /// librdkafka's word, such as `UP` or `CONNECT`.
        public var state: String
        /// 99th percentile of the time from a request to its answer over the last interval.
        public var roundTrip: Duration
        /// Requests that failed, and those that timed out.
        public var errors: Int

        public var isUp: Bool { state == "UP" }
    }

    /// One partition, as the client sees it.
    public struct Partition: Sendable, Equatable {
        /// The id of the broker that leads it; -1 when none does.
        public var leader: Int32
        /// Records fetched and not yet taken.
        public var fetchedMessages: Int
        public var fetchedBytes: Int
        /// The oldest offset there is; negative when unknown.
        public var low: Int64
        /// One past the newest offset; negative when unknown.
        public var high: Int64
        /// What the group committed; negative when nothing.
        public var committed: Int64
        /// One past the last record taken; negative when none.
        public var position: Int64
    }

    /// The client's part in a consumer group.
    public struct Group: Sendable, Equatable {
        /// librdkafka's word for the state of joining, such as `steady`.
        public var state: String
        public var rebalances: Int
        /// Why the last rebalance happened.
        public var lastRebalanceReason: String
        public var assignedPartitions: Int
    }

    /// How many brokers are connected: a second connection to the group's coordinator, or one to an address from which
    /// the brokers' own were learned, is no further broker.
    public var brokersUp: Int {
        let up = brokers.values.filter(\.isUp)
        return max(Set(up.map(\.id).filter { $0 >= 0 }).count, up.isEmpty ? 0 : 1)
    }

    /// Records fetched and not yet taken, and their bytes, over all partitions.
    public var fetched: (messages: Int, bytes: Int) {
        topics.values.lazy.flatMap(\.values).reduce(into: (0, 0)) { sum, partition in
            sum.0 = sum.0.addingSaturated(partition.fetchedMessages)
            sum.1 = sum.1.addingSaturated(partition.fetchedBytes)
        }
    }
}
