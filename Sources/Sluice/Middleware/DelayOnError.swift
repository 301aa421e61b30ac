/// Sets how long a message that failed waits before it is delivered again: longer each time, in place of
/// ``Router/Configuration/redelivery``, for one route, or for some errors.
///
/// ```swift
/// // A warehouse that is counted at night is not asked again within the minute.
/// DelayOnError(.exponential(from: .seconds(60), upTo: .seconds(1_800)), when: { $0 is WarehouseClosed })
/// ```
///
/// The message waits as every rejected one does: where the route keeps it, without a worker if its ordering allows that,
/// booked as `backoff`, and then in line for its destination's budget; else its source keeps it (HTTP, RabbitMQ). A time that the
/// destination names (Retry-After) and a hold outdo a shorter delay.
///
/// It stands outside of ``Retry``, whose waits it does not change: it counts what Retry gives up. On a route without Retry it
/// counts every failure. A message interrupted by a shutdown is not delayed.
///
/// Its numbers can be changed while messages are under way (``Live``), also for what waits already.
public struct DelayOnError: LiveMiddleware {
    /// The wait before each delivery after the first. Its first bound is more than 0; default: from 1 s, doubling, up to 5
    /// minutes, with full jitter.
    public var backoff: Backoff
    /// Which failures are delayed; the others wait as long as the route has them wait. Nil, the default, is all of them.
    public var when: (@Sendable (any Error) -> Bool)?

    /// Each parameter is the property of its name, which says its default and range.
    public init(
        _ backoff: Backoff = .exponential(from: .seconds(1), upTo: .seconds(300)),
        when: (@Sendable (any Error) -> Bool)? = nil
    ) {
        self.backoff = backoff
        self.when = when
    }

    public func validate() throws(ConfigurationError) {
        try ConfigurationCheck.all(of: "DelayOnError") { check in
            check("backoff.initial", backoff.initial, above: .zero)
            check.include { () throws(ConfigurationError) in try backoff.validate("DelayOnError.backoff") }
        }
    }

    public static func wrap(
        _ next: @escaping Handler, for route: RouteScope, by live: Live<DelayOnError>
    ) throws -> Handler {
        let delays = route.instruments.histogram(.redeliveryDelay, [route.label])
        return { message, context in
            do {
                return try await next(message, context)
            } catch {
                let policy = live.policy
                guard !context.isInterruption(error), policy.when?(error) ?? true else { throw error }
                // Drawn once, so that another policy draws nothing better.
                let (count, draw) = (context.countDelay(), route.time.random(in: 0...1))
                context.redeliver(following: live) { policy in
                    policy.when?(error) ?? true ? policy.backoff.delay(beforeRetry: count, draw: draw) : nil
                }
                delays.observe(policy.backoff.delay(beforeRetry: count, draw: draw).inSeconds)
                throw error
            }
        }
    }
}

extension HandlerContext {
    /// Has the message wait this long before it is delivered again, in place of the route's own wait
    /// (``Router/Configuration/redelivery``), if it is rejected in this pass through the chain. The last call counts.
    ///
    /// ```swift
    /// catch let error as WarehouseClosed {
    ///     context.redeliver(after: error.opensIn)
    ///     throw error
    /// }
    /// ```
    ///
    /// A time that the destination names and a hold outdo a shorter one. A `.retry(after:)` would shut the destination for
    /// every message; this concerns the one alone.
    /// - Parameter delay: 0 or more; a negative one counts as 0.
    public func redeliver(after delay: Duration) {
        delivery.trace.setRedelivery(after: delay)
    }

    /// The same by a policy that can be changed: a message that waits already goes by the new number, from when it was
    /// rejected. Where the route keeps no rejected messages, its source waits for as long as was said then.
    ///
    /// ```swift
    /// context.redeliver(following: live) { $0.nightlyPause }
    /// ```
    /// - Parameters:
    ///   - live: the policy.
    ///   - delay: what the policy of now says; nil leaves it to the route. Asked again after each change, on the thread that
    ///     makes it, so it must be short, and give the same for the same policy.
    public func redeliver<Policy>(
        following live: Live<Policy>, after delay: @escaping @Sendable (Policy) -> Duration?
    ) {
        delivery.trace.setRedelivery(LiveDelay(live.changes) { delay(live.policy) })
    }

    /// - Returns: how often the message was delayed so far, this time included, as far as its broker and its route know.
    fileprivate func countDelay() -> Int {
        delivery.trace.countDelay().addingSaturated(min(max(origin.attempt, 1), 1_000) - 1)
    }
}

extension Metric {
    static let delayOnErrorArea = Area(
        "Delayed redelivery", "For routes with the middleware DelayOnError.", [redeliveryDelay])

    public static let redeliveryDelay = histogram(
        "sluice_redelivery_delay_seconds",
        labels: [.handler],
        buckets: Buckets.wait,
        help: "How long DelayOnError has a message that failed wait at least before it is delivered again.")
}
