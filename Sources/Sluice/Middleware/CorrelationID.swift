/// Ties together all messages that stem from one: reads the id from the message, makes one when there is none, and
/// puts it on every message that the handler returns and into the logger.
///
/// ```swift
/// let router = Router(middlewares: [CorrelationID(), LogMessages(), Retry()])
/// ```
public struct CorrelationID: Middleware {
    /// The name in the metadata. Default `correlation_id`, Watermill's.
    public var name = "correlation_id"

    public init() {}

    public func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler {
        guard !name.isEmpty else { throw ConfigurationError("CorrelationID.name", expected: "a name") }
        let name = name
        return { message, context in
            var context = context
            // A message without one is the first of its chain: its own id names the chain.
            let id = message.metadata[name].flatMap { $0.isEmpty ? nil : $0 } ?? message.id.description
            context.correlationID = id
            context.outgoing[name] = id
            return try await next(message, context)
        }
    }
}
