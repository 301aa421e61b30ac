public import FoundationEssentials
public import Sluice

extension Route {
    /// A route whose handler takes values out of the JSON of its messages.
    ///
    /// ```swift
    /// Route("invoicing", from: orders, "orders", to: invoices, "invoices", json: Order.self) { order, context in
    ///     [try .json(Invoice(for: order))]
    /// }
    /// ```
    ///
    /// A payload that is not the JSON of such a value never reaches the handler. It is poisoned, with what is wrong and where
    /// (``MessageDecodingError``). The message itself is the context's (`HandlerContext.message`).
    /// The decoder is for dates, keys and the like.
    public init<Value: Decodable & SendableMetatype>(
        _ name: String, from subscriber: any Subscriber, _ topic: Topic,
        to publisher: any Publisher, _ publishTopic: Topic, json type: Value.Type, decoder: JSONDecoder = JSONDecoder(),
        ordering: Ordering? = nil, destination: Destination? = nil, middlewares: [any Middleware] = [],
        handler: @escaping @Sendable (Value, HandlerContext) async throws -> [Message]
    ) {
        self.init(
            name, from: subscriber, topic, to: publisher, publishTopic, ordering: ordering, destination: destination,
            middlewares: middlewares, handler: json(type, decoder: decoder, handler))
    }

    /// The same for a route that only consumes.
    public init<Value: Decodable & SendableMetatype>(
        _ name: String, from subscriber: any Subscriber, _ topic: Topic, json type: Value.Type,
        decoder: JSONDecoder = JSONDecoder(), ordering: Ordering? = nil, destination: Destination? = nil,
        middlewares: [any Middleware] = [],
        handler: @escaping @Sendable (Value, HandlerContext) async throws -> Void
    ) {
        self.init(
            name, from: subscriber, topic, ordering: ordering, destination: destination, middlewares: middlewares,
            handler: { message, context in try await handler(message.json(Value.self, decoder: decoder), context) })
    }
}

/// A handler of messages made of one of values: for what takes a `Handler`, such as SluiceTesting's `RouteProbe`.
///
/// ```swift
/// let out = try await RouteProbe(json(Order.self) { order, _ in [try .json(Invoice(for: order))] }).send(.json(order))
/// ```
public func json<Value: Decodable & SendableMetatype>(
    _ type: Value.Type, decoder: JSONDecoder = JSONDecoder(),
    _ handler: @escaping @Sendable (Value, HandlerContext) async throws -> [Message]
) -> Handler {
    { message, context in try await handler(message.json(Value.self, decoder: decoder), context) }
}
