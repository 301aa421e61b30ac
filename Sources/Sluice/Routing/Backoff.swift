/// How long to wait before trying again: exponential, with full jitter.
///
/// ```swift
/// Retry(backoff: .exponential(from: .milliseconds(200), upTo: .seconds(60)))
/// ```
public struct Backoff: Sendable, Equatable {
    /// The longest first wait.
    public var initial: Duration
    /// No wait is longer.
    public var maximum: Duration
    /// How much longer each wait may be than the one before. At least 1.
    public var multiplier: Double
    /// Whether each wait is drawn from 0 to its bound, which keeps many clients from coming back together
    /// ("full jitter", AWS Architecture Blog, 2015).
    public var jitter: Bool

    public static func exponential(
        from initial: Duration = .milliseconds(100), upTo maximum: Duration = .seconds(30), multiplier: Double = 2,
        jitter: Bool = true
    ) -> Backoff {
        Backoff(initial: initial, maximum: maximum, multiplier: multiplier, jitter: jitter)
    }

    public static func constant(_ duration: Duration) -> Backoff {
        Backoff(initial: duration, maximum: duration, multiplier: 1, jitter: false)
    }

    /// The longest wait before the `retry`-th retry, from 1.
    public func bound(beforeRetry retry: Int) -> Duration {
        var bound = initial.inSeconds
        let limit = maximum.inSeconds
        for _ in 1..<max(2, min(retry, 1_000)) where retry > 1 && bound < limit { bound *= multiplier }
        return .seconds(min(bound, limit))
    }

    /// The wait before the `retry`-th retry, from 1.
    ///
    /// ```swift
    /// let delay = backoff.delay(beforeRetry: context.attempt, by: route.time)
    /// ```
    /// - Parameters:
    ///   - retry: which retry comes, from 1.
    ///   - time: draws the jitter; a route's is ``RouteScope/time``.
    public func delay(beforeRetry retry: Int, by time: RouterTime) -> Duration {
        delay(beforeRetry: retry, draw: jitter ? time.random(in: 0...1) : 1)
    }

    /// - Parameter draw: what the jitter has drawn, from 0 to 1.
    func delay(beforeRetry retry: Int, draw: Double) -> Duration {
        let bound = bound(beforeRetry: retry)
        return jitter ? bound * draw : bound
    }

    /// Refuses values that are outside their range.
    /// - Parameter field: what the error names, such as `MyRetry.backoff`.
    public func validate(_ field: String) throws(ConfigurationError) {
        try ConfigurationCheck.all(of: field) { check in
            check("initial", initial, in: .zero...)
            check("maximum", maximum >= initial, expected: "at least `initial`")
            check("multiplier", multiplier >= 1 && multiplier.isFinite, expected: "at least 1", value: "\(multiplier)")
        }
    }
}
