public import Sluice

extension SQLiteLog {
    /// Where the log is and how it behaves.
    public struct Configuration: Sendable {
        /// The file. It is created when it is missing; its directory must exist. SQLite keeps `-wal` and `-shm`
        /// beside it, and the log `-owners`.
        public var path: String
        /// How long an operation waits for another program that holds the file. Default 5 s.
        public var busyTimeout: Duration
        /// How long a settlement may wait for others to share its commit with. Default 5 ms, at least 0.
        public var settlementInterval: Duration
        /// After what time a group held by a process that no longer renews its lease may be taken by another.
        /// Default 10 s, at least 100 ms. A process that ended gives its groups free at once.
        public var leaseDuration: Duration
        /// How often another process's messages are looked for while there are subscriptions. Default 100 ms, at
        /// least 1 ms.
        public var pollInterval: Duration
        /// Which messages are deleted. Default: none.
        public var retention: Retention
        /// What retention takes the time from. Tests set it by hand.
        package var clock = LogClock.system

        /// Called on the log's thread, quickly, for each commit that fails, and for the first that succeeds afterwards.
        /// Default: does nothing.
        public var observe: (@Sendable (CommitOutcome) -> Void)?

        public init(
            path: String,
            busyTimeout: Duration = .seconds(5),
            settlementInterval: Duration = .milliseconds(5),
            leaseDuration: Duration = .seconds(10),
            pollInterval: Duration = .milliseconds(100),
            retention: Retention = Retention(),
            observe: (@Sendable (CommitOutcome) -> Void)? = nil
        ) {
            self.path = path
            self.busyTimeout = busyTimeout
            self.settlementInterval = settlementInterval
            self.leaseDuration = leaseDuration
            self.pollInterval = pollInterval
            self.retention = retention
            self.observe = observe
        }

        /// How a commit ended.
        public enum CommitOutcome: Sendable {
            /// - isFirst: whether the commit before it succeeded, or failed for another reason.
            case failed(SQLiteLogError, isFirst: Bool)
            case succeededAgain
        }

        /// Which messages are deleted, in small pieces, while there is nothing else to do.
        ///
        /// Nothing is deleted by age on the word of the wall clock alone. While it disagrees with the time that was known
        /// last plus the time that has run since (by 15 minutes; after a stop by a day, or half the shortest age where
        /// that is less), or with the newest message, everything by age waits. See ``SQLiteLog/clockDoubt``.
        public struct Retention: Sendable {
            /// Messages older than this are deleted; nil keeps them.
            public var age: Duration?
            /// The oldest messages are deleted when the log holds more than this many bytes, all topics together;
            /// nil is no limit. Their space is used again; the file does not shrink.
            public var size: Int64?
            /// Whether messages are deleted that a group has not settled. Default false.
            public var dropUnsettled: Bool
            /// How often it is looked. Default 60 s, at least 10 ms.
            public var interval: Duration
            /// Topics with rules of their own instead of `age`, by name.
            public var topics: [String: TopicRetention]
            /// How long a group keeps what it has not settled after a process last read for it; nil is for ever. Default
            /// 30 days, above 0. The group stays known and goes on with what is left.
            public var idleGroup: Duration?
            /// How long a clock in doubt must have run steadily before it is believed. Default a day, at least 0.
            public var clockProbation: Duration
            /// Is told what retention does that a person should know.
            public var observer: RetentionObserver

            public init(
                age: Duration? = nil,
                size: Int64? = nil,
                dropUnsettled: Bool = false,
                interval: Duration = .seconds(60),
                topics: [String: TopicRetention] = [:],
                idleGroup: Duration? = .seconds(30 * 86_400),
                clockProbation: Duration = .seconds(86_400),
                observer: RetentionObserver = RetentionObserver()
            ) {
                self.age = age
                self.size = size
                self.dropUnsettled = dropUnsettled
                self.interval = interval
                self.topics = topics
                self.idleGroup = idleGroup
                self.clockProbation = clockProbation
                self.observer = observer
            }
        }

        /// Which messages of one topic are deleted.
        public struct TopicRetention: Sendable {
            /// Messages older than this are deleted; nil keeps them.
            public var age: Duration?
            /// The oldest messages are deleted when the topic holds more than this many bytes, settled or not; nil is no
            /// limit. Metadata, keys and 48 bytes a message count.
            public var size: Int64?
            /// Whether what no group has settled is kept also when there is no group. Default false.
            public var keepsUnread: Bool

            public init(age: Duration? = nil, size: Int64? = nil, keepsUnread: Bool = false) {
                self.age = age
                self.size = size
                self.keepsUnread = keepsUnread
            }
        }

        /// Hears what retention does. The calls come from the log's writer and must not wait.
        public struct RetentionObserver: Sendable {
            /// Messages were deleted for their topic's size that no group had settled.
            public var droppedUnread: @Sendable (Topic, Int64) -> Void
            /// The clock is in doubt, for this reason; nil: it is believed again.
            public var clock: @Sendable (String?) -> Void

            public init(
                droppedUnread: @escaping @Sendable (Topic, Int64) -> Void = { _, _ in },
                clock: @escaping @Sendable (String?) -> Void = { _ in }
            ) {
                self.droppedUnread = droppedUnread
                self.clock = clock
            }
        }

        func validate() throws(ConfigurationError) {
            try ConfigurationCheck.all(of: "SQLiteLog") { check in
                check("path", !path.isEmpty, expected: "a file's path")
                check("busyTimeout", busyTimeout, in: .zero ... .seconds(86_400))
                check("settlementInterval", settlementInterval, in: .zero...)
                check("leaseDuration", leaseDuration, in: .milliseconds(100) ... .seconds(86_400))
                check("pollInterval", pollInterval, in: .milliseconds(1)...)
                check("retention.age", retention.age, above: .zero)
                check("retention.size", retention.size, above: 0)
                check("retention.interval", retention.interval, in: .milliseconds(10)...)
                check("retention.idleGroup", retention.idleGroup, above: .zero)
                check("retention.clockProbation", retention.clockProbation, in: .zero...)
                for (name, rule) in retention.topics.sorted(by: { $0.key < $1.key }) {
                    check("retention.topics[\(name)].age", rule.age, above: .zero)
                    check("retention.topics[\(name)].size", rule.size, above: 0)
                }
            }
        }
    }
}
