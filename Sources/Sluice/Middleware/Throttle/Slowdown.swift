extension Throttle {
    /// What a throttle does when the destination asks to slow down all the same.
    public struct Slowdown: Sendable, Equatable {
        /// What the rate is multiplied with, once a second at most. More than 0, less than 1; default 0.5.
        public var factor: Double
        /// How long it takes to come back from a rate that was cut once, steadily. More than 0; default 1 minute.
        public var recovery: Duration

        public init(factor: Double = 0.5, recovery: Duration = .seconds(60)) {
            self.factor = factor
            self.recovery = recovery
        }

        /// Half the rate after each answer that asks to slow down, and back to the whole.
        /// - Parameter recovery: how long the way back from the half takes. More than 0; default 1 minute.
        public static func halve(recovery: Duration = .seconds(60)) -> Slowdown { Slowdown(recovery: recovery) }

        func validate(_ field: String) throws(ConfigurationError) {
            try ConfigurationCheck.all(of: field) { check in
                check("factor", factor > 0 && factor < 1, expected: "more than 0, less than 1", value: "\(factor)")
                check("recovery", recovery, above: .zero)
            }
        }
    }
}

/// A clock that runs slower after each slowdown and then recovers: a throttle that goes by it gives fewer permits.
///
/// Its speed is a share of the real one. It grows in a straight line, so that when something comes can be worked out.
struct SlowedClock: Sendable {
    /// No slower than this: a destination is always asked now and then.
    private static let slowest = 0.01

    private var start: MonotonicTime
    /// What it showed at `start`, in seconds.
    private var shown = 0.0
    private var speed = 1.0
    /// How much the speed grows in a second.
    private var growth = 0.0
    private var lastCut: MonotonicTime?

    init(at now: MonotonicTime) {
        start = now
    }

    /// The share of the whole speed.
    func speed(at now: MonotonicTime) -> Double { min(1, speed + growth * seconds(to: now)) }

    /// What it shows then, in seconds.
    func reading(at now: MonotonicTime) -> Double {
        let time = seconds(to: now)
        let rising = min(time, secondsOfRecovery)
        return shown + rising * (speed + growth * rising / 2) + (time - rising)
    }

    /// When it shows so many seconds.
    func time(of reading: Double) -> MonotonicTime {
        let rest = max(0, reading - shown)
        let whole = secondsOfRecovery * (speed + growth * secondsOfRecovery / 2)
        let seconds: Double
        if rest >= whole {
            seconds = secondsOfRecovery + (rest - whole)
        } else {
            // speed·t + growth·t²/2 = rest, in the form that is exact for a growth near 0.
            seconds = 2 * rest / (speed + (speed * speed + 2 * growth * rest).squareRoot())
        }
        return start.advanced(by: .nanoseconds(Int64(min((seconds * 1e9).rounded(), 9e18))))
    }

    /// The destination asks to slow down.
    /// - Returns: whether it is slower than before.
    mutating func slowDown(_ policy: Throttle.Slowdown, at now: MonotonicTime) -> Bool {
        // Answers to attempts that were under way together are one.
        if let lastCut, lastCut.advanced(by: .seconds(1)) > now { return false }
        lastCut = now
        set(max(Self.slowest, speed(at: now) * policy.factor), policy, at: now)
        return true
    }

    /// Another policy is in force; nil is none, and ends what slows it.
    mutating func update(_ policy: Throttle.Slowdown?, at now: MonotonicTime) {
        set(policy == nil ? 1 : speed(at: now), policy, at: now)
    }

    private mutating func set(_ speed: Double, _ policy: Throttle.Slowdown?, at now: MonotonicTime) {
        shown = reading(at: now)
        start = now
        self.speed = speed
        growth = policy.map { speed < 1 ? (1 - $0.factor) / max($0.recovery.inSeconds, 1e-9) : 0 } ?? 0
    }

    /// How long it takes until the speed is whole again.
    private var secondsOfRecovery: Double { growth > 0 ? (1 - speed) / growth : 0 }

    private func seconds(to now: MonotonicTime) -> Double { Double(now.nanoseconds(since: start)) / 1e9 }
}
