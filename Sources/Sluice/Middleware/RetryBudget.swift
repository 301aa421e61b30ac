import Synchronization

/// Bounds the retries of a whole route to a share of its successes, so that a destination that is down is not hammered
/// by every message's own retries ("retry budget", Google SRE Book, chapter 22; Finagle's RetryBudget).
public final class RetryBudget: Sendable {
    public struct Configuration: Sendable, Equatable {
        /// Retries allowed for each success. Default 0.2.
        public var share: Double
        /// Retries saved up at most, and there at the start. At least 1; default 100.
        public var burst: Int

        public init(share: Double = 0.2, burst: Int = 100) {
            self.share = share
            self.burst = burst
        }

        func validate() throws(ConfigurationError) {
            guard share >= 0, share.isFinite else {
                throw ConfigurationError("Retry.budget.share", expected: "0 or more")
            }
            guard burst >= 1 else { throw ConfigurationError("Retry.budget.burst", expected: "at least 1") }
        }
    }

    /// Tokens are counted in thousandths, so that one atomic integer holds them.
    private static let scale = 1_000.0
    private let limit: Int
    private let gain: Int
    private let tokens: Atomic<Int>

    init(_ configuration: Configuration) {
        limit = Int(min(Double(configuration.burst) * Self.scale, 1e15))
        gain = Int(min(configuration.share * Self.scale, 1e15))
        tokens = Atomic(limit)
    }

    /// A success allows a share of a retry.
    func deposit() {
        var now = tokens.load(ordering: .relaxed)
        while now < limit {
            let (exchanged, original) = tokens.weakCompareExchange(
                expected: now, desired: min(limit, now + gain), ordering: .relaxed)
            if exchanged { return }
            now = original
        }
    }

    /// Takes a retry out of the budget.
    /// - Returns: false when there is none.
    func withdraw() -> Bool {
        let cost = Int(Self.scale)
        var now = tokens.load(ordering: .relaxed)
        while now >= cost {
            let (exchanged, original) = tokens.weakCompareExchange(
                expected: now, desired: now - cost, ordering: .relaxed)
            if exchanged { return true }
            now = original
        }
        return false
    }

    /// The share of the budget that is left, from 0 to 1.
    var remaining: Double { Double(tokens.load(ordering: .relaxed)) / Double(limit) }
}
