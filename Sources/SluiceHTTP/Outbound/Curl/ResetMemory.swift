import Sluice

/// Remembers where a connection has just ended under a request: the others that lie idle for that host end the same
/// way, most likely, and a request that must not be repeated would die on each of them in turn.
struct ResetMemory {
    enum Advice: Equatable {
        case any
        /// No connection that was there before.
        case fresh
        /// None that is older than so many seconds.
        case youngerThan(seconds: Int)
    }

    /// libcurl counts a connection's age in whole seconds, so that at first it cannot tell old from new.
    static let fresh: UInt64 = 2_000_000_000
    /// libcurl closes what has been idle for longer than 118 s.
    static let kept: UInt64 = 120_000_000_000
    private static let limit = 256

    private var resets: [String: MonotonicTime] = [:]

    mutating func note(_ origin: String, _ now: MonotonicTime) {
        if resets.count >= Self.limit { resets = resets.filter { now.nanoseconds(since: $0.value) < Self.kept } }
        // One more is forgotten rather than all of them kept.
        if resets.count < Self.limit || resets[origin] != nil { resets[origin] = now }
    }

    /// Which connections a request to this host may use.
    mutating func advice(_ origin: String, _ now: MonotonicTime) -> Advice {
        guard !resets.isEmpty, let reset = resets[origin] else { return .any }
        let age = now.nanoseconds(since: reset)
        if age < Self.fresh { return .fresh }
        guard age < Self.kept else {
            resets[origin] = nil
            return .any
        }
        return .youngerThan(seconds: Int(age / 1_000_000_000) - 1)
    }
}
