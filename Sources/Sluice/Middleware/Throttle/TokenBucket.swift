/// Permits that come at a rate and are saved up to a burst. A state machine: the caller brings the time and waits.
///
/// Permits are numbered. One may be taken before it has come: the taker waits until it does, in the order of taking.
/// When a number comes follows from the rate, so that another rate moves those that wait.
///
/// Time is counted in seconds, by any clock that does not run back.
struct TokenBucket: Sendable {
    private var rate: Double
    private var burst: Double
    /// So many have come in all by `last`.
    private var come: Double
    private var taken: Double = 0
    private var last: Double

    /// A full one.
    /// - Parameters:
    ///   - rate: permits a second, more than 0.
    ///   - burst: how many are saved up at most, at least 1.
    init(rate: Double, burst: Int, at now: Double) {
        self.rate = rate
        self.burst = Double(burst)
        come = Double(burst)
        last = now
    }

    /// Takes one permit.
    /// - Returns: its number.
    mutating func take(at now: Double) -> Double {
        advance(to: now)
        taken += 1
        return taken
    }

    /// When the permit with this number comes, or came: not later than now.
    func due(_ number: Double) -> Double {
        // The sum of many parts may be a hair below a whole number.
        number <= come + 1e-9 ? last : last + (number - come) / rate
    }

    /// Permits come at another rate from now on. What is saved up is cut to the new burst; what waits keeps its number.
    mutating func update(rate: Double, burst: Int, at now: Double) {
        advance(to: now)
        self.rate = rate
        self.burst = Double(burst)
        come = min(come, taken + self.burst)
    }

    /// Whether it is full, and so remembers nothing.
    func isFull(at now: Double) -> Bool { come - taken + max(0, now - last) * rate >= burst }

    private mutating func advance(to now: Double) {
        guard now > last else { return }
        come = min(come + (now - last) * rate, taken + burst)
        last = now
    }
}
