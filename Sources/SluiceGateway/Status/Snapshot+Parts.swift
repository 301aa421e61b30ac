public import Sluice

extension Snapshot {
    /// Where events come from.
    public struct Source: Codable, Sendable, Equatable {
        public var name: String
        /// Its kind, such as `github`; `own` for one of a program's own.
        public var kind: String
        /// Its routes.
        public var routes: [String] = []
        /// The paths that requests come in to; empty for one that reads a broker alone.
        public var paths: [String] = []
        public var state: State = .idle
        /// What is not as it should be; nil when all is well.
        public var note: String?
        /// Whether some path of it takes requests without a secret or token.
        public var isUnsigned = false
        /// The setting that would have it ask for one, as it is called where the configuration was written; nil where it asks, and
        /// where there is no such setting.
        public var missingSecret: String?
        public var flow = Flow()
        /// Requests that were refused since the process began, by status.
        public var refused: [Count] = []
    }

    /// What events are kept on.
    public struct Queue: Codable, Sendable, Equatable {
        /// `log` or `kafka`.
        public var kind: String
        public var topic: String
        public var state: State = .idle
        /// Why it cannot be used; nil when it can.
        public var failure: String?
        /// Bytes of the log's file and its companions; nil for Kafka.
        public var bytes: Int64?
        /// Bytes that are free where the data directory is.
        public var diskFree: Int64?
        /// Events written since the process began.
        public var flow = Flow()
    }

    /// Where events go.
    public struct Sink: Codable, Sendable, Equatable {
        public var name: String
        /// Its kind, such as `slack`; `own` for one of a program's own.
        public var kind: String
        /// The route that delivers to it, which is its consumer group.
        public var group: String
        /// One of ``Snapshot/destinations``.
        public var destination: String
        public var state: State = .idle
        /// What is not as it should be; nil when all is well.
        public var note: String?
        /// Deliveries that have ended: acknowledged, poisoned, discarded, deduplicated.
        public var flow = Flow()
        /// Deliveries since the process began, by outcome.
        public var outcomes: [Count] = []
        /// Deliveries that it is about; what it has taken in beyond ``inFlightLimit`` waits, and does not count.
        public var inFlight: Int64 = 0
        public var inFlightLimit: Int64 = 0
        /// Events of the queue that are not settled, as last read.
        public var lag: Int64 = 0
        /// When the oldest of them was published; nil when there is none.
        public var oldest: Timestamp?
        /// When they are delivered at the rate of the last 15 s; nil where none wait or none goes through.
        public var emptyBy: Timestamp?
        /// What it is set to, of the sink alone.
        public var policy: [Value] = []
    }

    /// An outside system, as all sinks that deliver to it meet it.
    public struct Destination: Codable, Sendable, Equatable {
        public var name: String
        public var state: State = .idle
        /// What is not as it should be; nil when all is well.
        public var note: String?
        /// Why nothing is sent: `retry_after`, `held` or `breaker`; nil while something is.
        public var shutBy: String?
        /// What it answered when it was shut, such as `http_429`.
        public var shutReason: String?
        /// Since when every attempt has failed, also those of earlier processes that the journal knows; nil while some succeed.
        public var failingSince: Timestamp?
        /// When it is asked next; nil while nothing keeps an attempt from being made.
        public var nextAttempt: Timestamp?
        /// Messages that wait for their next attempt.
        public var waiting: Int64 = 0
        /// Those of them that stand in line for the retry budget.
        public var waitingForBudget: Int64 = 0
        /// Those that wait for a permit of the throttle.
        public var waitingForThrottle: Int64 = 0
        /// Those that wait for one of the slots for attempts at once.
        public var waitingForConcurrency: Int64 = 0
        /// What is left of the retry budget, from 0 to 1.
        public var budgetRemaining: Double = 1
        /// Attempts a second that the throttle allows now; nil without one.
        public var permitsPerSecond: Double?
        /// Attempts a second over the last 15 s, as a share of that; nil without a throttle.
        public var throttleUse: Double?
        /// Attempts under way; nil where they are not bounded.
        public var concurrency: Int64?
        public var concurrencyLimit: Int64?
        /// `closed`, `open` or `half_open`; nil without a breaker.
        public var breaker: String?
        /// Attempts for each distinct message: 1 is perfect. Nil before the first.
        public var amplification: Double?
        /// Attempts since the process began, by how they ended.
        public var attempts: [Count] = []
        /// Attempts of any result.
        public var flow = Flow()
        public var lastSuccess: Timestamp?
        public var lastFailure: Failure?
        /// Failures by cause since the process began and, where there is a journal, in the 24 hours before; the latest first, at
        /// most 16.
        public var failures: [Cause] = []
        /// What it is set to.
        public var policy: [Value] = []
    }

    /// How an attempt failed.
    public struct Failure: Codable, Sendable, Equatable {
        public var time: Timestamp
        /// A short word, such as `http_503`.
        public var reason: String
        public var description: String
    }

    /// Attempts that failed for one reason.
    public struct Cause: Codable, Sendable, Equatable {
        public var reason: String
        public var count: Int64
        public var last: Timestamp
    }

    /// What can never be delivered.
    public struct Poison: Codable, Sendable, Equatable {
        public var topic: String
        /// Messages in the topic that were not looked at, as last read.
        public var messages: Int64 = 0
        /// When the oldest of them was put there.
        public var oldest: Timestamp?
        /// Messages that were poisoned since the process began, by route and reason.
        public var causes: [PoisonCause] = []
    }

    /// How many messages of a route failed for one reason.
    public struct PoisonCause: Codable, Sendable, Equatable {
        public var route: String
        public var reason: String
        public var count: Int64
    }

    /// Messages that are sent again by a sink or a source's reader: `sluice replay`, `sluice poison retry`.
    public struct Job: Codable, Sendable, Equatable {
        public var id: Int64
        /// `retry` or `replay`.
        public var kind: String
        /// Where they go.
        public var to: String
        /// `running`, `paused` or `stopped`.
        public var state: String
        /// Why it does not run.
        public var why: String?
        public var total: Int64
        public var delivered: Int64
        /// In the poison queue again.
        public var failed: Int64
        /// Passed over: delivered before, not wanted, or gone.
        public var skipped: Int64
        public var left: Int64
        /// Messages a second at most; nil for no bound of its own.
        public var rate: Double?
        public var begun: Timestamp
        /// Who asked for it.
        public var by: String
    }

    /// What was deployed last.
    public struct Deployment: Codable, Sendable, Equatable {
        public var service: String
        public var environment: String
        /// The commit.
        public var commit: String
        public var time: Timestamp
        /// Whether the last deployment succeeded.
        public var succeeded: Bool
        /// Whether this commit of the service is in production. Nil where the environment is production.
        public var isInProduction: Bool?
    }

    /// What is in force, and how the last reload went.
    public struct Configuration: Codable, Sendable, Equatable {
        /// The file or directory that it comes from; nil for the environment.
        public var file: String?
        /// When it came into force.
        public var loaded: Timestamp
        /// Why the last reload was refused; nil when it was taken.
        public var refusal: String?
        /// Changes that wait for a restart, in words.
        public var needsRestart: String?
    }

    /// One value that is in force.
    public struct Value: Codable, Sendable, Equatable {
        /// Its keys in a file: `destinations.slack.throttle.rate`.
        public var key: String
        /// As a file has it; a secret is `***`, or the `${…}` that it was written as.
        public var value: String
        /// `sluice.yaml:12`, `defaults, sluice.yaml:3`, a variable, or `built-in`.
        public var origin: String
        /// What a change takes: `live`, `route` or `restart`.
        public var change: String
    }
}
