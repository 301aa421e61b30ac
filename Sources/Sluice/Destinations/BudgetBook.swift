/// How much of a ``RetryBudget`` there is. A state machine: the caller brings the time and the number of first attempts.
///
/// The path of success only counts first attempts; what they allow is worked out here when something fails.
struct BudgetBook: Sendable {
    private var policy: RetryBudget
    private var window: Double
    private(set) var balance: Double
    /// First attempts in about the last window.
    private var recent = 0.0
    private var seen: Int64 = 0
    private var last: MonotonicTime

    init(_ policy: RetryBudget, at now: MonotonicTime) {
        self.policy = policy
        window = policy.window.inSeconds
        last = now
        balance = 0
        balance = limit
    }

    /// Goes by another policy from now on. What is saved up is kept, as far as that allows.
    mutating func update(_ policy: RetryBudget, at now: MonotonicTime, firsts: Int64) {
        advance(to: now, firsts: firsts)
        let newWindow = policy.window.inSeconds
        recent *= newWindow / window
        window = newWindow
        self.policy = policy
        balance = min(max(balance, -limit), limit)
    }

    /// What is saved up at most: a window's worth, and enough for one attempt.
    var limit: Double { max(policy.cost.failed, policy.floor * window + policy.ratio * recent) }

    /// The share that is left, from 0 to 1.
    var remaining: Double { min(max(balance / limit, 0), 1) }

    /// Takes in what time and first attempts have allowed.
    /// - Parameter firsts: so many there have been in all.
    mutating func advance(to now: MonotonicTime, firsts: Int64) {
        let seconds = Double(now.nanoseconds(since: last)) / 1e9
        let more = Double(firsts.subtractingSaturated(seen))
        recent = seconds >= window ? more * window / seconds : recent * (1 - seconds / window) + more
        balance = min(limit, balance + policy.floor * seconds + policy.ratio * more)
        last = max(last, now)
        seen = firsts
    }

    /// Takes what a failed attempt costs; what is too much is given back when the attempt has ended.
    /// - Returns: false when there is not enough.
    mutating func take() -> Bool {
        guard hasEnough else { return false }
        balance -= policy.cost.failed
        return true
    }

    /// Gives back, or takes for an attempt that did not ask.
    mutating func settle(_ amount: Double) {
        balance = min(limit, max(-limit, balance + amount))
    }

    /// The sum of many floors may be a hair below a whole number.
    private var hasEnough: Bool { balance >= policy.cost.failed - 1e-9 }

    /// How long until the floor alone allows an attempt.
    var wait: Duration {
        // What lacks less than a clock's tick is worth waiting for all the same: to look at the same moment again helps nothing.
        hasEnough ? .zero : .seconds(saturating: max(1e-6, (policy.cost.failed - balance) / policy.floor))
    }
}
