public import Sluice

extension KafkaSubscriber {
    /// How a subscriber reads. Properties of the ``KafkaConfiguration`` win over what is set here.
    public struct Configuration: Sendable {
        /// Where a new group starts. Default: the beginning.
        public var start: StartPosition
        /// How many deliveries a subscription buffers. Default 4096, at least 1.
        public var capacity: Int
        /// How many messages of a subscription may be unsettled at once over all of its partitions, those that wait for
        /// redelivery included: what bounds the memory that they take. With 1, a message is delivered only when the one
        /// before it was acknowledged. What a route by key puts aside behind a message that fails does not count: it has
        /// bounds of its own, 65,536 messages and 32 MiB. Default 4096, at least 1.
        public var maxInFlight: Int
        /// How often settled offsets are committed when there are any. They are committed also before a partition is
        /// given up. Default 1 s; from 10 ms to an hour.
        public var commitInterval: Duration
        /// How long handlers may take to finish with messages of a partition that goes to another member of the group,
        /// and with those of a subscription that was cancelled. What is not settled by then is delivered again, to
        /// the partition's next reader. The whole group waits that long. Default 10 s; 0 does not wait.
        public var drainTimeout: Duration
        /// How long a last commit is tried before a partition goes to another member of the group, and before a
        /// subscription ends: while the group changes, brokers may refuse it. What is not committed by then is given up,
        /// which the log says with its count, and comes again. It has to be longer than other members take to agree to
        /// a change. Default 15 s; 0 makes no last commit.
        public var commitTimeout: Duration
        /// Turns records into messages. Default: Watermill's form.
        public var marshaler: any KafkaMarshaler
        /// After how long without a sign of life the group goes on without this member (`session.timeout.ms`). Default
        /// 45 s; from 1 ms to an hour, of which brokers allow 6 s to 30 minutes unless configured otherwise.
        public var sessionTimeout: Duration
        /// How often the member says that it lives (`heartbeat.interval.ms`). Default 3 s; at most a third of the
        /// session's timeout.
        public var heartbeatInterval: Duration
        /// How long a member may take to agree to a change of the group (`max.poll.interval.ms`). A slow handler does
        /// not count: polling goes on while it works. Default 5 minutes; at least the session's timeout, a day at most.
        public var maxPollInterval: Duration
        /// Whether messages of transactions are read only when these are committed (`isolation.level`). Default true.
        public var readsCommittedOnly: Bool
        /// Whether subscribing creates a topic that does not exist, as the brokers are configured
        /// (`allow.auto.create.topics`). Default true.
        public var createsMissingTopics: Bool
        /// How many records, and kilobytes of them, the client fetches ahead of the subscription for each partition
        /// (`queued.min.messages`, `queued.max.messages.kbytes`): the memory that a backlog takes. Default 100,000 records
        /// and 64 MiB, librdkafka's own; from 1 to 10,000,000, and from 1 to 2,097,151.
        ///
        /// librdkafka before 2.2 looks only once a second whether a queue that was full has room again, so with it these
        /// are also the most that a partition gives in a second.
        public var prefetchMessages: Int
        public var prefetchKilobytes: Int

        public init(
            start: StartPosition = .beginning,
            capacity: Int = 4_096,
            maxInFlight: Int = 4_096,
            commitInterval: Duration = .seconds(1),
            drainTimeout: Duration = .seconds(10),
            commitTimeout: Duration = .seconds(15),
            marshaler: any KafkaMarshaler = .watermill,
            sessionTimeout: Duration = .seconds(45),
            heartbeatInterval: Duration = .seconds(3),
            maxPollInterval: Duration = .seconds(300),
            readsCommittedOnly: Bool = true,
            createsMissingTopics: Bool = true,
            prefetchMessages: Int = 100_000,
            prefetchKilobytes: Int = 65_536
        ) {
            self.start = start
            self.capacity = capacity
            self.maxInFlight = maxInFlight
            self.commitInterval = commitInterval
            self.drainTimeout = drainTimeout
            self.commitTimeout = commitTimeout
            self.marshaler = marshaler
            self.sessionTimeout = sessionTimeout
            self.heartbeatInterval = heartbeatInterval
            self.maxPollInterval = maxPollInterval
            self.readsCommittedOnly = readsCommittedOnly
            self.createsMissingTopics = createsMissingTopics
            self.prefetchMessages = prefetchMessages
            self.prefetchKilobytes = prefetchKilobytes
        }

        func validate() throws(ConfigurationError) {
            try ConfigurationCheck.all(of: "KafkaSubscriber") { check in
                check("capacity", capacity, in: 1...)
                check("maxInFlight", maxInFlight, in: 1...)
                check("commitInterval", commitInterval, in: .milliseconds(10) ... .seconds(3_600))
                check("drainTimeout", drainTimeout, in: .zero...)
                check("commitTimeout", commitTimeout, in: .zero...)
                check("sessionTimeout", sessionTimeout, in: .milliseconds(1) ... .seconds(3_600))
                check("heartbeatInterval", heartbeatInterval, in: .milliseconds(1) ... .seconds(3_600))
                check(
                    "heartbeatInterval", heartbeatInterval <= sessionTimeout / 3,
                    expected: "at most a third of sessionTimeout",
                    value: "\(heartbeatInterval)")
                check(
                    "maxPollInterval", maxPollInterval, in: sessionTimeout...max(sessionTimeout, .seconds(86_400)))
                check("prefetchMessages", prefetchMessages, in: 1...10_000_000)
                check("prefetchKilobytes", prefetchKilobytes, in: 1...2_097_151)
            }
        }

        /// With the times that properties set: the code around the client goes by them too. What the client cannot read it
        /// refuses itself.
        func adopting(_ properties: [String: String]) -> Configuration {
            var options = self
            for (name, path) in Self.times {
                guard let text = properties[name], let milliseconds = Int32(text), milliseconds > 0 else { continue }
                options[keyPath: path] = .milliseconds(Int64(milliseconds))
            }
            return options
        }

        private static let times: [(String, any WritableKeyPath<Configuration, Duration> & Sendable)] = [
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
                // Without a group nothing is committed and no member joins; librdkafka asks for a name all the same.
                ("group.id", group ?? "sluice-groupless"),
                ("enable.auto.commit", "false"),
                ("enable.auto.offset.store", "false"),
                // It tells where a partition ends behind markers of transactions.
                ("enable.partition.eof", "true"),
            ]
        }
    }
}
