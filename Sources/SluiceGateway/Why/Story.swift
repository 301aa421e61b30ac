import Sluice

/// Everything that is known of one message: `sluice why`.
struct Story: Sendable, Equatable {
    /// A route that took it in, and when.
    struct Taking: Sendable, Equatable {
        let time: Timestamp
        let route: String
    }

    /// Where it is on the queue.
    struct Position: Sendable, Hashable {
        var partition: Int32?
        var offset: Int64
        /// When the queue took it; nil where that is not known.
        var time: Timestamp?

        static func == (left: Self, right: Self) -> Bool {
            (left.partition, left.offset) == (right.partition, right.offset)
        }

        func hash(into hasher: inout Hasher) {
            hasher.combine(partition)
            hasher.combine(offset)
        }
    }

    let message: String
    /// The kind of event.
    var event: String?
    /// What keeps its order: for most events the repository.
    var key: String?
    var commit: String?
    var correlation: String?
    /// The webhook's `X-GitHub-Delivery`.
    var delivery: String?
    /// The id of an incident, as its source has it.
    var incident: String?
    var taken: [Taking] = []
    var positions: [Position] = []
    /// One for each sink, and for each other route that has met it.
    var parts: [StoryPart] = []
}

/// What a sink has made of a message.
struct StoryPart: Sendable, Equatable {
    /// What it has come to.
    struct State: Sendable, Hashable, CustomStringConvertible {
        let description: String

        static let delivered = State(description: "delivered")
        static let deduplicated = State(description: "deduplicated")
        /// The sink does not want such events.
        static let filtered = State(description: "filtered")
        static let poisoned = State(description: "poisoned")
        static let discarded = State(description: "discarded")
        /// Settled, and nothing is known of an attempt: the sink begins behind it, or had it before the journal begins.
        static let passedOver = State(description: "passed_over")
        /// An attempt is under way, or it waits with its route for its next one.
        static let inHand = State(description: "in_hand")
        /// It is delivered again when its time has come.
        static let waiting = State(description: "waiting")
        /// It waits behind another message of its key.
        static let putAside = State(description: "put_aside")
        /// The sink has not come to it.
        static let queued = State(description: "queued")
        static let unknown = State(description: "unknown")

        /// Whether nothing more is to come.
        var isFinal: Bool { ![.inHand, .waiting, .putAside, .queued, .unknown].contains(self) }
    }

    /// What keeps it from being attempted.
    struct Wait: Sendable, Equatable {
        /// `pause`, `held`, `retry_after`, `breaker`, `backoff`, `budget`, `throttle`, `concurrency`, `order`, `turn` or `gateway`.
        let what: String
        /// When that ends; nil where it is not known.
        var until: Timestamp?
        let words: String
    }

    struct Attempt: Sendable, Equatable {
        /// When it ended.
        let time: Timestamp
        let number: Int64
        let code: JournalCode
        let reason: String?
        let retryAfter: Duration?
        /// In microseconds.
        let duration: Int64
        /// What it waited for since the attempt before, in microseconds, by the stages of `sluice_delivery_stage_seconds`.
        let waits: [(stage: String, microseconds: Int64)]
        /// Whether a job has sent it again.
        var isAgain = false

        static func == (left: Self, right: Self) -> Bool {
            (left.time, left.number, left.code, left.reason, left.retryAfter, left.duration)
                == (right.time, right.number, right.code, right.reason, right.retryAfter, right.duration)
                && left.isAgain == right.isAgain
                && left.waits.elementsEqual(right.waits) { $0 == $1 }
        }
    }

    /// A delivery that ended otherwise than by an attempt that succeeded.
    struct End: Sendable, Equatable {
        let time: Timestamp
        let code: JournalCode
    }

    let route: String
    /// Nil for a route of the gateway's own, and for a sink that is not there any more.
    var sink: String?
    var destination: String?
    var state = State.unknown
    /// Since when that is so; nil where it is not known.
    var since: Timestamp?
    /// Why it has failed last, or for good.
    var reason: String?
    var waits: [Wait] = []
    var attempts: [Attempt] = []
    /// Older ones that are not among them.
    var attemptsLeftOut = 0
    var ends: [End] = []
}
