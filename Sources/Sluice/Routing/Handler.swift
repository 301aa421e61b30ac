/// Does a route's work: takes a message, returns the messages to publish. Returning acknowledges, throwing rejects.
public typealias Handler = @Sendable (Message, HandlerContext) async throws -> [Message]

/// Wraps a handler with a policy.
///
/// What a middleware wraps is the rest of the chain *and the publish of what the handler returned*, so that a failing
/// sink is retried, counted, throttled and poisoned like any failure.
public protocol Middleware: Sendable {
    /// Called once, when the route is built: make here what belongs to the route, such as metric handles and state,
    /// and return the wrapped handler.
    /// - Parameter next: the rest of the chain. It returns the messages that were published.
    /// - Throws: when the middleware's options are wrong (``ConfigurationError``).
    func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler
}

/// An option has a value that it cannot have.
public struct ConfigurationError: Error, Equatable, CustomStringConvertible {
    /// The option, such as `Retry.maxAttempts`.
    public let field: String
    /// What is expected, such as `at least 1`.
    public let expected: String

    public init(_ field: String, expected: String) {
        self.field = field
        self.expected = expected
    }

    public var description: String { "\(field): expected \(expected)" }
}
