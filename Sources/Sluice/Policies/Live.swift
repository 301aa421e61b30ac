import Synchronization

/// A policy whose numbers can be changed while messages are under way.
///
/// ```swift
/// let retry = Live(Retry(maxAttempts: 8))
/// try router.add(Route("invoicing", from: log, "orders", middlewares: [retry, Timeout()]) { … })
/// try retry.update { $0.maxAttempts = 3 }
/// ```
///
/// A change is in force at once, for what is under way and for what waits already: every
/// wait that a number has shaped is decided anew, from when it began. A time that the other side named stays. What has
/// happened so far carries over: attempts, permits (as many as a new burst allows), the state of a breaker. No route
/// restarts, and nothing is lost or doubled.
///
/// What the source of a route keeps, and not the route, comes when the source was told that it should: a message that was
/// rejected or waits without a worker over HTTP or RabbitMQ, what exceeds 16 MiB of these in a route without an order
/// (``Ordering/unordered(limit:)``), and what waits since before a restart.
///
/// A custom middleware that waits by such a number does it with ``HandlerContext/wait(following:booking:for:)``, and
/// delays what it rejects with ``HandlerContext/redeliver(following:after:)``.
///
/// One may stand in several routes. The policies of a ``Destination`` are changed by its `update`.
public final class Live<Policy: LivePolicy>: Sendable {
    private let current: Mutex<Policy>
    /// Rung after each change.
    let changes = ChangeBell()

    /// A value that is outside its range is refused when a route is made with it.
    public init(_ policy: Policy) {
        current = Mutex(policy)
    }

    /// What is in force now.
    public var policy: Policy { current.withLock(\.self) }

    /// Puts another policy in force.
    /// - Throws: ``ConfigurationError`` for a value that is outside its range; what was in force stays.
    public func update(_ policy: Policy) throws(ConfigurationError) {
        try policy.validate()
        current.withLock { $0 = policy }
        changes.ring()
    }

    /// Changes some of its numbers, and puts that in force.
    /// - Throws: as `update`.
    public func update(_ change: (inout Policy) -> Void) throws(ConfigurationError) {
        let result = current.withLock { current -> Result<Void, ConfigurationError> in
            var changed = current
            change(&changed)
            do throws(ConfigurationError) {
                try changed.validate()
            } catch {
                return .failure(error)
            }
            current = changed
            return .success(())
        }
        try result.get()
        changes.ring()
    }

    /// Has `body` called after each change, on the thread that makes it, for as long as `owner` lives. It reads ``policy``,
    /// and must be short.
    public func onChange(for owner: some AnyObject & Sendable, _ body: @escaping @Sendable () -> Void) {
        changes.follow(for: owner, body)
    }
}

/// Numbers that something goes by, such as how often and how long.
public protocol LivePolicy: Sendable {
    /// Refuses a value that is outside its range.
    func validate() throws(ConfigurationError)
}

/// A middleware that goes by a policy which can be changed while messages are under way.
///
/// ```swift
/// struct Greet: LiveMiddleware {
///     var greeting = "hello"
///
///     func validate() throws(ConfigurationError) {
///         try ConfigurationCheck.all(of: "Greet") { check in
///             check("greeting", !greeting.isEmpty, expected: "at least one character")
///         }
///     }
///
///     static func wrap(_ next: @escaping Handler, for route: RouteScope, by live: Live<Greet>) -> Handler {
///         { message, context in
///             context.logger.info("\(live.policy.greeting)")
///             return try await next(message, context)
///         }
///     }
/// }
/// ```
public protocol LiveMiddleware: Middleware, LivePolicy {
    /// As ``Middleware/wrap(_:for:)``. The policy is in its range.
    /// - Parameters:
    ///   - next: the rest of the chain.
    ///   - route: whose chain it is.
    ///   - live: asked at each use. To read it takes a lock, so that what is needed for every message is better kept
    ///     by ``Live/onChange(for:_:)``.
    static func wrap(_ next: @escaping Handler, for route: RouteScope, by live: Live<Self>) throws -> Handler
}

extension LiveMiddleware {
    public func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler {
        try Live(self).wrap(next, for: route)
    }
}

extension Live: Middleware where Policy: LiveMiddleware {
    public func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler {
        try policy.validate()
        return try Policy.wrap(next, for: route, by: self)
    }
}
