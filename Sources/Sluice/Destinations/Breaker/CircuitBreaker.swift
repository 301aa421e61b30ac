/// Gives a destination that fails a rest: while it is open no attempt is made and none is used up, and messages wait.
///
/// It opens after ``consecutiveFailures``, or when too few of the messages of late succeed. After a while, longer each time,
/// ``probes`` find out whether the destination works again. What waits makes them: each route in turn gives the next message
/// in its own order.
///
/// What counts is whether the destination works. An answer that asks to slow down, one that holds the destination, and one
/// that refuses the message are signs that it does: they are no failures here.
///
/// ```swift
/// let chat = try Destination("chat", .init(breaker: CircuitBreaker(consecutiveFailures: 5)))
/// ```
public struct CircuitBreaker: Sendable, Equatable {
    /// What a person says, whatever attempts say.
    public enum Force: String, Sendable, CaseIterable {
        /// Attempts decide.
        case auto
        /// Nothing is sent.
        case open
        /// Nothing is held back.
        case closed
    }

    /// So many failures in a row open it; nil never does. At least 1; default 7 (Linkerd's).
    public var consecutiveFailures: Int?
    /// It opens when fewer of the messages of the last ``window`` succeed with their first attempt, as a share; nil never does.
    /// More than 0, at most 1; default 0.8.
    ///
    /// Retries do not count: a message that fails again and again says little of the destination.
    public var successBelow: Double?
    /// The share counts from so many messages on, since webhooks are few. At least 1; default 5.
    public var minimumAttempts: Int
    /// What "of late" is. More than 0; default 30 s.
    public var window: Duration
    /// How long it stays open: the first time, and longer after each probe that fails. Default: from 1 s, doubling, up to 5
    /// minutes, with full jitter above half of it.
    public var open: Backoff
    /// So many attempts, at once at most and in all, have to succeed before it closes. At least 1; default 1.
    public var probes: Int
    /// Default ``Force/auto``.
    public var force: Force

    /// Each parameter is the property of its name, which says its default and range.
    public init(
        consecutiveFailures: Int? = 7, successBelow: Double? = 0.8, minimumAttempts: Int = 5,
        window: Duration = .seconds(30), open: Backoff = .exponential(from: .seconds(1), upTo: .seconds(300)),
        probes: Int = 1, force: Force = .auto
    ) {
        self.consecutiveFailures = consecutiveFailures
        self.successBelow = successBelow
        self.minimumAttempts = minimumAttempts
        self.window = window
        self.open = open
        self.probes = probes
        self.force = force
    }

    func validate(_ field: String) throws(ConfigurationError) {
        try ConfigurationCheck.all(of: field) { check in
            check("consecutiveFailures", consecutiveFailures, in: 1...)
            let share = successBelow ?? 1
            check("successBelow", share > 0 && share <= 1, expected: "more than 0, at most 1", value: "\(share)")
            check("minimumAttempts", minimumAttempts, in: 1...)
            check("window", window, above: .zero)
            check("open.initial", open.initial, above: .zero)
            check.include { () throws(ConfigurationError) in try open.validate("\(field).open") }
            check("probes", probes, in: 1...)
        }
    }
}
