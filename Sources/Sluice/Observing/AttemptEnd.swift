/// How one attempt at a message went.
public struct AttemptEnd: Sendable {
    /// What ``RouteObserver/begin(_:to:)`` gave.
    public let route: Int
    public let message: MessageID
    /// From 1, over all deliveries of the message as far as its source keeps that; attempts that were told to slow down count.
    public let attempt: Int
    /// Where its source has it.
    public let partition: Int32?
    public let offset: Int64?
    /// When the delivery entered the process.
    public let arrival: MonotonicTime
    /// When the handler was called.
    public let start: MonotonicTime
    public let end: MonotonicTime
    /// What the delivery has waited for since its arrival.
    public let waits: Waits
    /// Nil for an attempt that was interrupted: the route was shut down, or the message was not ours any more.
    public let result: AttemptResult?
    /// A short word for the failure, such as `http_429`; nil for one that has not failed.
    public let reason: String?
    /// For how long the destination asked to be left alone; nil where it named no time.
    public let retryAfter: Duration?

    public init(
        route: Int, message: MessageID, attempt: Int, partition: Int32? = nil, offset: Int64? = nil,
        arrival: MonotonicTime, start: MonotonicTime, end: MonotonicTime, waits: Waits = Waits(),
        result: AttemptResult?, reason: String? = nil, retryAfter: Duration? = nil
    ) {
        self.route = route
        self.message = message
        self.attempt = attempt
        self.partition = partition
        self.offset = offset
        self.arrival = arrival
        self.start = start
        self.end = end
        self.waits = waits
        self.result = result
        self.reason = reason
        self.retryAfter = retryAfter
    }

    /// Waits of a delivery, each in nanoseconds. What is none of these was spent in the queue or in attempts.
    public struct Waits: Sendable, Equatable {
        public var throttle: UInt64
        public var breaker: UInt64
        public var concurrency: UInt64
        /// For its next attempt, or for the destination's gate.
        public var backoff: UInt64

        public init(throttle: UInt64 = 0, breaker: UInt64 = 0, concurrency: UInt64 = 0, backoff: UInt64 = 0) {
            self.throttle = throttle
            self.breaker = breaker
            self.concurrency = concurrency
            self.backoff = backoff
        }
    }
}

/// How a delivery ended.
public struct DeliveryEnd: Sendable {
    /// What ``RouteObserver/begin(_:to:)`` gave.
    public let route: Int
    public let message: MessageID
    public let outcome: DeliveryOutcome
    /// How often the handler was called for the message.
    public let attempts: Int
    /// Where its source has it.
    public let partition: Int32?
    public let offset: Int64?
    public let time: MonotonicTime

    public init(
        route: Int, message: MessageID, outcome: DeliveryOutcome, attempts: Int, partition: Int32? = nil,
        offset: Int64? = nil, time: MonotonicTime
    ) {
        self.route = route
        self.message = message
        self.outcome = outcome
        self.attempts = attempts
        self.partition = partition
        self.offset = offset
        self.time = time
    }
}
