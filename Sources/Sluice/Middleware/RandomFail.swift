/// Fails a share of the attempts at random, to test what a service does about failures: in tests, where a seed of
/// `VirtualTime` repeats them, or for an hour in staging.
///
/// ```swift
/// Router(middlewares: [Retry(), RandomFail(0.1)])                    // a tenth fails before the handler
/// Router(middlewares: [Retry(), RandomFail(0.01, .afterHandler)])    // its work is done, and it is handled again
/// Router(middlewares: [Retry(), RandomFail(0.1, disposition: .throttled(after: .seconds(30)))])
/// ```
///
/// ``Moment/afterHandler`` is what a crash does that comes between the work and the acknowledgement; it also stands for
/// Watermill's RandomPanic, since a panic ends a Swift program.
///
/// It stands inside of what is to meet the failures. The destination is not asked for an attempt that fails before the handler: its
/// books and its breaker know nothing of it.
///
/// It can be changed while messages are under way (``Live``), such as from none to a tenth and back.
public struct RandomFail: LiveMiddleware {
    /// When an attempt fails.
    public struct Moment: Sendable, Hashable {
        let word: String

        /// Before the handler is called.
        public static let beforeHandler = Moment(word: "before")
        /// After the handler has returned, and what it returned was published.
        public static let afterHandler = Moment(word: "after")
    }

    /// The share of attempts that fail. From 0 to 1.
    public var share: Double
    /// Default ``Moment/beforeHandler``.
    public var moment: Moment
    /// What the error asks for. Default: to try again.
    public var disposition: Disposition

    /// Each parameter is the property of its name, which says its default and range.
    public init(_ share: Double, _ moment: Moment = .beforeHandler, disposition: Disposition = .retry()) {
        self.share = share
        self.moment = moment
        self.disposition = disposition
    }

    public func validate() throws(ConfigurationError) {
        try ConfigurationCheck.all(of: "RandomFail") { $0("share", share, in: 0...1) }
    }

    public static func wrap(
        _ next: @escaping Handler, for route: RouteScope, by live: Live<RandomFail>
    ) throws -> Handler {
        let time = route.time
        let failures = route.instruments.counter(.randomFailures, [route.label])
        return { message, context in
            let policy = live.policy
            // 1 itself may be drawn.
            let fails = policy.share >= 1 || policy.share > 0 && time.random(in: 0...1) < policy.share
            guard fails else { return try await next(message, context) }
            if policy.moment == .afterHandler { _ = try await next(message, context) }
            failures.increment()
            throw RandomFailure(moment: policy.moment, disposition: policy.disposition)
        }
    }
}

/// A failure that ``RandomFail`` made up.
public struct RandomFailure: DispositionError, CustomStringConvertible {
    public let moment: RandomFail.Moment
    public let disposition: Disposition

    public var reason: String { "random_fail" }
    public var description: String { "a failure made up by RandomFail, \(moment.word) the handler" }
}

extension Metric {
    static let randomFailArea = Area("Made-up failures", "For routes with the middleware RandomFail.", [randomFailures])

    public static let randomFailures = counter(
        "sluice_random_failures_total",
        labels: [.handler],
        help: "Attempts that RandomFail has made fail.")
}
