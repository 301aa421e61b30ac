import Sluice

/// What happened in a scenario.
struct ScenarioTrace: Sendable {
    /// One attempt at a destination.
    struct Attempt: Sendable {
        let sink: Int
        /// From 0.
        let message: Int
        /// Of this message at this sink, from 1.
        let number: Int
        let start: Duration
        /// What the message has waited for since its coming, or its attempt before.
        let waited: Waited
        var end: Duration?
        /// What the destination said to each request.
        var answers: [String] = []
        /// Why it failed; nil when it succeeded, or has not ended.
        var failure: String?
        var next = Next.nothing
    }

    struct Waited: Sendable {
        var all = Duration.zero
        var throttle = Duration.zero
        /// For one of the slots for attempts at once.
        var concurrency = Duration.zero
        var breaker = Duration.zero
        var backoff = Duration.zero

        /// Behind others, or for a worker.
        var queue: Duration { max(.zero, all - throttle - concurrency - breaker - backoff) }
    }

    /// What becomes of the message after a failed attempt.
    enum Next: Sendable {
        case nothing
        /// It waits so long at least.
        case retry(Duration)
        /// The same, without a worker.
        case handedBack(Duration)
        /// It goes back, and comes again.
        case rejected(isExhausted: Bool)
    }

    /// One message at one sink.
    struct Passage: Sendable {
        var arrival: Duration?
        var attempts: [Int] = []
        var end: Duration?
        var outcome: DeliveryOutcome?
        /// Its place among the deliveries of the sink.
        var place: Int?
        /// How often the destination took it.
        var taken = 0

        var isDelivered: Bool { outcome == .acked || outcome == .deduplicated }
    }

    /// What the gateway's log says meanwhile.
    struct Note: Sendable {
        let time: Duration
        let message: Int?
        let text: String
    }

    let messages: [ScenarioMessage]
    let sinks: [String]
    /// The destination of each sink.
    let destinations: [String]
    /// What each sink promises.
    let orders: [SinkOrder]
    /// By sink, then by message.
    var passages: [[Passage]]
    var attempts: [Attempt] = []
    var notes: [Note] = []
    /// When it ended.
    var end = Duration.zero
}
