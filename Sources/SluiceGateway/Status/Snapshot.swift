public import Sluice

/// Everything about a running gateway at one moment: what `/status.json` answers, and what the status page, `sluice top`,
/// `sluice status` and `/readyz` show.
///
/// Making it asks no broker and waits for nothing. It has no payload and no secret. Members may be added within a
/// ``version``; none changes its meaning or goes.
///
/// ```swift
/// let snapshot = gateway.snapshot
/// print(snapshot.verdict.text)
/// ```
public struct Snapshot: Codable, Sendable, Equatable {
    /// What this build writes.
    public static let currentVersion = 1

    /// Of the format.
    public var version = Snapshot.currentVersion
    /// When it was made.
    public var time: Timestamp
    public var verdict: Verdict
    public var build: Build
    public var sources: [Source] = []
    public var queue: Queue
    public var sinks: [Sink] = []
    public var destinations: [Destination] = []
    public var poison: Poison
    /// Jobs that send messages again and have not ended, the oldest first, at most 100; nil where there are none.
    public var jobs: [Job]?
    /// The last deployment of each service to each environment, newest first, at most 100.
    public var deployments: [Deployment] = []
    public var configuration: Configuration

    /// What runs.
    public struct Build: Codable, Sendable, Equatable {
        public var version: String
        public var swift: String
        /// When the process began.
        public var started: Timestamp
    }

    /// How many, by a word: an outcome, a status, a reason.
    public struct Count: Codable, Sendable, Equatable {
        public var name: String
        public var count: Int64

        public init(_ name: String, _ count: Int64) {
            self.name = name
            self.count = count
        }
    }

    /// How much goes through.
    public struct Flow: Codable, Sendable, Equatable {
        /// Messages a second, over the last 15 s.
        public var perSecond: Double = 0
        /// Messages since the process began.
        public var total: Int64 = 0
        /// Messages of each minute of the last hour, the oldest first. The last one is not over yet.
        public var minutes: [Int64] = []
    }

    /// What an operator has decided about a part, or what it does.
    public struct State: RawRepresentable, Codable, Hashable, Sendable {
        public let rawValue: String

        public init(rawValue: String) {
            self.rawValue = rawValue
        }

        private init(_ word: String) {
            rawValue = word
        }

        /// Nothing waits and nothing goes through.
        public static let idle = State("idle")
        /// Messages go through.
        public static let flowing = State("flowing")
        /// Messages wait for their next attempt or for their turn.
        public static let waiting = State("waiting")
        /// The destination has named a time.
        public static let shut = State("shut")
        /// The destination refuses everything until a person mends it.
        public static let held = State("held")
        /// The destination fails, and is given a rest.
        public static let breakerOpen = State("breaker_open")
        /// A person has paused it.
        public static let paused = State("paused")
        /// It is not connected to what it reads, or has not begun yet.
        public static let connecting = State("connecting")
        /// It finishes what is in hand, and ends.
        public static let draining = State("draining")
        /// It has ended.
        public static let stopped = State("stopped")
        /// It cannot be used.
        public static let down = State("down")
    }
}
