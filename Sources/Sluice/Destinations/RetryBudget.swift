/// Bounds the attempts at a destination that are not a message's first, retries and redeliveries alike, so that one that
/// is down is not hammered ("retry budget": Google SRE Book, chapter 22; Finagle's RetryBudget).
///
/// ```swift
/// let chat = try Destination("chat", .init(budget: RetryBudget(ratio: 0.1, floor: 2)))
/// ```
///
/// In any window there are at most ``ratio`` of its first attempts, and ``floor`` a second. What finds no budget waits in
/// line, the longest waiting first: the floor, which is above 0, brings each its turn. An attempt that succeeds costs
/// nothing, so that a destination that works again is used at once.
public struct RetryBudget: Sendable, Equatable {
    /// What an attempt costs by how it ends, in attempts. A success, a hold and a refusal of the message cost nothing.
    public struct Cost: Sendable, Equatable {
        /// More than 0; default 1.
        public var failed: Double
        /// An answer that asks to slow down does less harm than a failure. From 0 to ``failed``; default 0.36 (the AWS
        /// SDKs charge 5 for throttling where they charge 14 for a failure).
        public var throttled: Double

        public init(failed: Double = 1, throttled: Double = 0.36) {
            self.failed = failed
            self.throttled = throttled
        }
    }

    /// Further attempts allowed for each message's first, and for each further one that succeeds. 0 or more; default 0.2.
    public var ratio: Double
    /// How long what first attempts allowed may be saved up. More than 0; default 10 s.
    public var window: Duration
    /// Further attempts a second that are always allowed. More than 0; default 1.
    public var floor: Double
    public var cost: Cost

    public init(ratio: Double = 0.2, window: Duration = .seconds(10), floor: Double = 1, cost: Cost = Cost()) {
        self.ratio = ratio
        self.window = window
        self.floor = floor
        self.cost = cost
    }

    func validate(_ field: String) throws(ConfigurationError) {
        try ConfigurationCheck.all(of: field) { check in
            check("ratio", ratio >= 0 && ratio.isFinite, expected: "at least 0", value: "\(ratio)")
            check("window", window, above: .zero)
            check("floor", floor > 0 && floor.isFinite, expected: "more than 0", value: "\(floor)")
            check(
                "cost.failed", cost.failed > 0 && cost.failed.isFinite, expected: "more than 0", value: "\(cost.failed)"
            )
            check(
                "cost.throttled", cost.throttled >= 0 && cost.throttled <= cost.failed,
                expected: "from 0 to cost.failed",
                value: "\(cost.throttled)")
        }
    }
}
