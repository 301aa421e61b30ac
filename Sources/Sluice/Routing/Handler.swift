/// Does a route's work: takes a message, returns the messages to publish. Returning acknowledges, throwing rejects.
public typealias Handler = @Sendable (Message, HandlerContext) async throws -> [Message]

/// Wraps a handler with a policy.
///
/// ```swift
/// struct CountLarge: Middleware {
///     func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler {
///         let large = route.instruments.counter("large_messages_total", help: "Messages above 1 MB.")
///         return { message, context in
///             if message.payload.count > 1_000_000 { large.increment() }
///             return try await next(message, context)
///         }
///     }
/// }
/// ```
///
/// What a middleware wraps is the rest of the chain *and the publish of what the handler returned*, so that a failing
/// sink is retried, counted, throttled and poisoned like any failure.
public protocol Middleware: Sendable {
    /// Called once, when the route is built: make here what belongs to the route, such as metric handles and state,
    /// and return the wrapped handler.
    /// - Parameters:
    ///   - next: the rest of the chain. It returns the messages that were published.
    ///   - route: what the chain belongs to.
    /// - Throws: when the middleware's options are wrong (``ConfigurationError``).
    func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler
}
