extension Destination {
    /// What becomes of a time that a destination names, such as HTTP's Retry-After (RFC 9110, section 10.2.3).
    public struct RetryAfter: Sendable, Equatable {
        /// A longer time is cut to this. More than 0; default 1 hour.
        public var maximum: Duration
        /// How much of the time is added at most, drawn anew each time, so that many clients do not come back together.
        /// From 0 to 1; default 0.1. Nothing is ever sent before the time that was named.
        public var jitter: Double

        public init(maximum: Duration = .seconds(3_600), jitter: Double = 0.1) {
            self.maximum = maximum
            self.jitter = jitter
        }

        /// What a time that was named is cut to.
        func cut(_ named: Duration) -> Duration { min(max(named, .zero), maximum) }

        func validate(_ field: String) throws(ConfigurationError) {
            try ConfigurationCheck.all(of: field) { check in
                check("maximum", maximum, above: .zero)
                check("jitter", jitter, in: 0...1)
            }
        }
    }
}

/// A time that a destination has named.
struct NamedTime: Sendable, Equatable {
    /// When it was named.
    let start: MonotonicTime
    /// As it was named; 0 or more.
    let duration: Duration
    /// The jitter, from 0 to 1: drawn once, so that another policy draws nothing better.
    let draw: Double

    /// Until when nothing is sent.
    func end(_ policy: Destination.RetryAfter) -> MonotonicTime {
        let cut = policy.cut(duration)
        return start.advanced(by: cut + cut * (policy.jitter * draw))
    }

    /// Without a cut.
    var fullEnd: MonotonicTime { start.advanced(by: duration) }
}
