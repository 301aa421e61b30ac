internal import Sluice

extension SQLiteLog {
    /// Where the log is and how it behaves.
    public struct Configuration: Sendable {
        /// The file. It is created when it is missing; its directory must exist. SQLite keeps `-wal` and `-shm`
        /// beside it, and the log `-owners`.
        public var path: String
        /// How long an operation waits for another program that holds the file. Default 5 s.
        public var busyTimeout: Duration = .seconds(5)
        /// How long a settlement may wait for others to share its commit with. Default 5 ms, at least 0.
        public var settlementInterval: Duration = .milliseconds(5)
        /// After what time a group held by a process that no longer renews its lease may be taken by another.
        /// Default 10 s, at least 100 ms. A process that ended gives its groups free at once.
        public var leaseDuration: Duration = .seconds(10)
        /// How often another process's messages are looked for while there are subscriptions. Default 100 ms, at
        /// least 1 ms.
        public var pollInterval: Duration = .milliseconds(100)
        /// Which messages are deleted. Default: none.
        public var retention = Retention()

        public init(path: String) {
            self.path = path
        }

        /// Which messages are deleted, in small pieces, while nothing else is to be done.
        public struct Retention: Sendable {
            /// Messages older than this are deleted; nil keeps them.
            public var age: Duration?
            /// The oldest messages are deleted when the log holds more than this many bytes, all topics together;
            /// nil is no limit. Their space is used again; the file does not shrink.
            public var size: Int64?
            /// Whether messages are deleted that a group has not settled. Default false.
            public var dropUnsettled = false
            /// How often it is looked. Default 60 s, at least 10 ms.
            public var interval: Duration = .seconds(60)

            public init(age: Duration? = nil, size: Int64? = nil, dropUnsettled: Bool = false) {
                self.age = age
                self.size = size
                self.dropUnsettled = dropUnsettled
            }
        }

        func validate() throws(SQLiteLogError) {
            func require(_ condition: Bool, _ detail: String) throws(SQLiteLogError) {
                if !condition { throw SQLiteLogError(.invalidConfiguration, path: path, detail: detail) }
            }
            try require(!path.isEmpty, "path is empty")
            try require(busyTimeout >= .zero && busyTimeout < .seconds(86_400), "busyTimeout must be from 0 to a day")
            try require(settlementInterval >= .zero, "settlementInterval is negative")
            try require(
                leaseDuration >= .milliseconds(100) && leaseDuration < .seconds(86_400),
                "leaseDuration must be from 100 ms to a day")
            try require(pollInterval >= .milliseconds(1), "pollInterval is below 1 ms")
            try require(retention.age.map { $0 > .zero } ?? true, "retention.age must be above 0")
            try require(retention.size.map { $0 > 0 } ?? true, "retention.size must be above 0")
            try require(retention.interval >= .milliseconds(10), "retention.interval is below 10 ms")
        }
    }
}
