/// Lets messages through at a rate: a token bucket for the route, or one for each key.
///
/// Waits are cancellable, measured, and first come first served. Each number can be changed while messages are under way
/// (``Live``): those that wait keep their places. Several routes to one outside system share a rate as a policy of their
/// ``Destination``.
///
/// ```swift
/// Throttle(rate: 1, burst: 3, slowdown: .halve())
/// ```
public struct Throttle: LiveMiddleware, Equatable {
    /// Permits a second. More than 0.
    public var rate: Double
    /// Permits saved up while nothing comes. At least 1; default 1.
    public var burst: Int
    /// What each bucket is for; nil, the default, is one bucket for the route.
    public var key: KeySelector?
    /// Keys that are told apart at once; further ones share a bucket. Default 10,000.
    public var maximumKeys: Int
    /// What it does when the destination asks to slow down all the same; nil, the default, is nothing.
    public var slowdown: Slowdown?

    public init(
        rate: Double, burst: Int = 1, key: KeySelector? = nil, maximumKeys: Int = 10_000, slowdown: Slowdown? = nil
    ) {
        self.rate = rate
        self.burst = burst
        self.key = key
        self.maximumKeys = maximumKeys
        self.slowdown = slowdown
    }

    public func validate() throws(ConfigurationError) { try validate("Throttle") }

    package func validate(_ field: String) throws(ConfigurationError) {
        try ConfigurationCheck.all(of: field) { check in
            check("rate", rate > 0 && rate.isFinite, expected: "more than 0", value: "\(rate)")
            check("burst", burst, in: 1...)
            check("maximumKeys", maximumKeys, in: 1...)
            check.include { () throws(ConfigurationError) in try slowdown?.validate("\(field).slowdown") }
        }
    }

    public static func wrap(_ next: @escaping Handler, for route: RouteScope, by live: Live<Throttle>) throws -> Handler
    {
        let line = ThrottleLine(live.policy, time: route.time)
        live.onChange(for: line) { [weak line, weak live] in
            if let line, let live { line.update(live.policy) }
        }
        let meter = route.meterOfPermits
        meter.follow(line)
        return { message, context in
            _ = try await line.wait(message, context, meter)
            do {
                return try await next(message, context)
            } catch {
                if Disposition.asksToSlowDown(error) { line.noteThrottledAnswer() }
                throw error
            }
        }
    }
}
