/// Permits that come at a rate and are saved up to a burst. A state machine: the caller brings the time and waits.
///
/// Kept as the time at which the bucket was last empty (the generic cell rate algorithm), so that a permit may be
/// taken before it exists: whoever takes it waits until it does, in the order of taking.
struct TokenBucket: Sendable {
    private let interval: Double
    private let depth: Double
    private var emptyAt: Double

    /// - Parameters:
    ///   - rate: permits a second, more than 0.
    ///   - burst: how many are saved up at most, at least 1.
    init(rate: Double, burst: Int) {
        interval = 1e9 / rate
        depth = Double(burst) * interval
        emptyAt = -.infinity
    }

    /// Takes one permit.
    /// - Returns: nanoseconds until it may be used.
    mutating func take(at now: MonotonicTime) -> UInt64 {
        let time = Double(now.nanoseconds)
        emptyAt = max(emptyAt, time - depth) + interval
        return emptyAt > time ? UInt64(min(emptyAt - time, 9e18)) : 0
    }

    /// Whether it is full, and so remembers nothing.
    func isFull(at now: MonotonicTime) -> Bool {
        emptyAt <= Double(now.nanoseconds) - depth
    }
}
