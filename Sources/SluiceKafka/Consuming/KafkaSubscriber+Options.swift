public import Sluice

extension KafkaSubscriber {
    /// Where a group starts that has committed nothing yet, and where reading without a group starts. A known group
    /// goes on where it was.
    public struct StartPosition: Sendable, Equatable {
        enum Kind: Equatable {
            case beginning, end
            case time(Timestamp)
        }

        let kind: Kind

        /// With the oldest record.
        public static let beginning = StartPosition(kind: .beginning)
        /// With what is published from now on.
        public static let end = StartPosition(kind: .end)
        /// With the first record that is not older than this.
        public static func time(_ time: Timestamp) -> StartPosition { StartPosition(kind: .time(time)) }
    }

    /// How a subscriber reads. Properties of the ``KafkaConfiguration`` win over what is set here.
    public struct Options: Sendable {
        /// Where a new group starts. Default: the beginning.
        public var start: StartPosition = .beginning
        /// How many deliveries a subscription buffers. Default 4096, at least 1.
        public var capacity = 4_096
        /// How many messages of a subscription may be unsettled at once over all of its partitions, those that wait for
        /// redelivery included: what bounds the memory that they take. With 1, a message is delivered only when the one
        /// before it was acknowledged. What a route by key puts aside behind a message that fails does not count: it has
        /// bounds of its own, 65,536 messages and 32 MiB. Default 4096, at least 1.
        public var maxInFlight = 4_096
        /// How often settled offsets are committed when there are any. They are committed also before a partition is
        /// given up. Default 1 s; from 10 ms to an hour.
        public var commitInterval: Duration = .seconds(1)
        /// How long handlers may take to finish with messages of a partition that goes to another member of the group,
        /// and with those of a subscription that was cancelled. What is not settled by then is delivered again, to
        /// whoever reads the partition. The whole group waits that long. Default 10 s; 0 waits for nobody.
        public var drainTimeout: Duration = .seconds(10)
        /// How long a last commit is tried before a partition goes to another member of the group, and before a
        /// subscription ends: while the group changes, brokers may refuse it. What is not committed by then is given up,
        /// which the log says with its count, and comes again. It has to be longer than other members take to agree to
        /// a change. Default 15 s; 0 makes no last commit.
        public var commitTimeout: Duration = .seconds(15)
        /// Turns records into messages. Default: Watermill's form.
        public var marshaler: any KafkaMarshaler = .watermill
        /// After how long without a sign of life the group goes on without this member (`session.timeout.ms`). Default
        /// 45 s; brokers allow 6 s to 30 minutes unless configured otherwise.
        public var sessionTimeout: Duration = .seconds(45)
        /// How often the member says that it lives (`heartbeat.interval.ms`). Default 3 s; at most a third of the
        /// session's timeout.
        public var heartbeatInterval: Duration = .seconds(3)
        /// How long a member may take to agree to a change of the group (`max.poll.interval.ms`). A slow handler does
        /// not count: polling goes on while it works. Default 5 minutes; at least the session's timeout.
        public var maxPollInterval: Duration = .seconds(300)
        /// Whether messages of transactions are read only when these are committed (`isolation.level`). Default true.
        public var readsCommittedOnly = true
        /// Whether subscribing creates a topic that does not exist, as the brokers are configured
        /// (`allow.auto.create.topics`). Default true.
        public var createsMissingTopics = true
        /// How many records, and kilobytes of them, the client fetches ahead of the subscription for each partition
        /// (`queued.min.messages`, `queued.max.messages.kbytes`): the memory that a backlog takes. Default 100,000 records
        /// and 64 MiB, librdkafka's own; at least 1 of each.
        ///
        /// librdkafka before 2.2 looks only once a second whether a queue that was full has room again, so with it these
        /// are also the most that a partition gives in a second.
        public var prefetchMessages = 100_000
        public var prefetchKilobytes = 65_536

        public init() {}

        func validate() throws(KafkaError) {
            try check(capacity >= 1, "capacity must be at least 1")
            try check(maxInFlight >= 1, "maxInFlight must be at least 1")
            try check(
                commitInterval >= .milliseconds(10) && commitInterval <= .seconds(3_600),
                "commitInterval must be from 10 ms to an hour")
            try check(drainTimeout >= .zero, "drainTimeout must be at least 0")
            try check(commitTimeout >= .zero, "commitTimeout must be at least 0")
            try check(heartbeatInterval * 3 <= sessionTimeout, "heartbeatInterval must be a third of sessionTimeout")
        }

        private func check(_ holds: Bool, _ rule: String) throws(KafkaError) {
            if !holds { throw KafkaError(.invalidConfiguration, detail: rule) }
        }

        /// With the times that properties set: the code around the client goes by them too. What the client cannot read it
        /// refuses itself.
        func adopting(_ properties: [String: String]) -> Options {
            var options = self
            for (name, path) in Self.times {
                guard let text = properties[name], let milliseconds = Int32(text), milliseconds > 0 else { continue }
                options[keyPath: path] = .milliseconds(Int64(milliseconds))
            }
            return options
        }

        private static let times: [(String, any WritableKeyPath<Options, Duration> & Sendable)] = [
            ("session.timeout.ms", \.sessionTimeout), ("heartbeat.interval.ms", \.heartbeatInterval),
            ("max.poll.interval.ms", \.maxPollInterval),
        ]

        /// As librdkafka's properties.
        func properties(group: String?) -> [(String, String)] {
            [
                ("session.timeout.ms", sessionTimeout.milliseconds),
                ("heartbeat.interval.ms", heartbeatInterval.milliseconds),
                ("max.poll.interval.ms", maxPollInterval.milliseconds),
                ("isolation.level", readsCommittedOnly ? "read_committed" : "read_uncommitted"),
                ("allow.auto.create.topics", createsMissingTopics ? "true" : "false"),
                ("queued.min.messages", String(prefetchMessages)),
                ("queued.max.messages.kbytes", String(prefetchKilobytes)),
                ("partition.assignment.strategy", "cooperative-sticky"),
                // Where the log no longer holds what was committed, the least is lost from the oldest record on.
                ("auto.offset.reset", "earliest"),
                // New partitions, and topics that are created later, are found within this time.
                ("topic.metadata.refresh.interval.ms", "30000"),
            ]
        }

        /// What only newer versions of librdkafka know.
        static var recent: [(String, String)] {
            // By default a partition whose queue was full is left alone for a second.
            [("fetch.queue.backoff.ms", "10")]
        }

        /// What the code around the client relies on.
        static func required(group: String?) -> [(String, String)] {
            [
                // Without a group nothing is committed and nobody joins; librdkafka asks for a name all the same.
                ("group.id", group ?? "sluice-groupless"),
                ("enable.auto.commit", "false"),
                ("enable.auto.offset.store", "false"),
                // It tells where a partition ends behind markers of transactions.
                ("enable.partition.eof", "true"),
            ]
        }
    }
}
