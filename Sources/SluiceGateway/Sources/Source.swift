public import Sluice
public import SluiceHTTP

/// Turns what another system tells into events.
///
/// A source of your own is a type with this one method, given to `Gateway(configuration, sources: [.init("forge", Forge())])`.
/// What is around it is the gateway's: the path `/webhooks/forge`, limits, metrics, `/readyz`; a request is answered 202 once
/// its events are on the queue.
public protocol Source: Sendable {
    /// The events that a message tells of, in their order; none where it is of no interest.
    /// - Parameters:
    ///   - message: the body of a request, or a message of a broker.
    ///   - receivedAt: when it came in, for what does not say when it happened.
    /// - Throws: what says that the message can never be understood: ``SourceError``, SluiceJSON's `MessageDecodingError`, or any
    ///   `DispositionError` that asks for poison. Its sender is answered 400 with the disposition's text, and what comes from a
    ///   broker is poisoned. Any other error is answered 503, so that the sender sends again, and tried again where it is a broker's.
    ///
    /// An event with a field that it cannot have, such as an ``CommitPushed/id`` that is no hash, is refused the same way, with the
    /// field's name: nothing is taken in that a sink could not read.
    func events(of message: Message, receivedAt: Timestamp) async throws -> [Event]
}

extension Source {
    /// As a route runs it.
    fileprivate var handler: Handler {
        { message, context in
            try await events(of: message, receivedAt: context.route.time.timestamp).map { try $0.checked().message() }
        }
    }
}

extension ConfiguredSource {
    /// A source of your own that requests come in to.
    /// - Parameters:
    ///   - name: see ``name``.
    ///   - source: what turns a request into events.
    ///   - authenticator: who may send, such as `.hmacSHA256(secret:)`. Nil, the default, is what this machine sends alone,
    ///     unless ``GatewayConfiguration/allowsUnsigned``.
    ///   - endpoint: how requests are taken, beside the authenticator: its path, media types, headers that become metadata.
    ///     Default: the body of a POST of JSON to `/webhooks/` and the name.
    public init(
        _ name: String, _ source: any Source, authenticator: HTTPAuthenticator? = nil, endpoint: HTTPEndpoint? = nil
    ) {
        var endpoint = endpoint ?? HTTPEndpoint("/webhooks/\(name)", format: .body(watermill: false))
        if let authenticator { endpoint.authenticator = authenticator }
        self.init(name, RequestSource(source: source, endpoint: endpoint))
    }

    /// A source of your own that reads a topic of any broker.
    /// - Parameters:
    ///   - name: see ``name``.
    ///   - source: what turns a message into events.
    ///   - subscriber: is closed with the gateway.
    ///   - topic: what is read.
    ///   - ordering: how messages may overlap. Default: as the subscriber wants it.
    public init(
        _ name: String, _ source: any Source, from subscriber: any Subscriber, _ topic: Topic,
        ordering: Ordering? = nil
    ) {
        self.init(name, BrokerSource(source: source, subscriber: subscriber, topic: topic, ordering: ordering))
    }
}

private struct RequestSource: SourceOptions {
    let source: any Source
    let endpoint: HTTPEndpoint

    func endpoints(named name: String) -> [SourceEndpoint] {
        [SourceEndpoint(endpoint: endpoint, secret: nil) { _ in source.handler }]
    }
}

private struct BrokerSource: SourceOptions {
    let source: any Source
    let subscriber: any Subscriber
    let topic: Topic
    let ordering: Ordering?

    func endpoints(named name: String) -> [SourceEndpoint] { [] }

    func connection(_ parts: SourceParts) throws -> SourceConnection? {
        let (subscriber, route) = (subscriber, parts.route(from: subscriber, topic, ordering: ordering, source.handler))
        return SourceConnection(routes: [route], close: { await subscriber.close() })
    }
}

extension SourceEndpoint {
    /// - Parameters:
    ///   - endpoint: the path, and who may send.
    ///   - handler: makes the handler, which turns a request's message into those of its events (`Event.message()`). A request
    ///     whose events have what they cannot have is answered 400, with the field.
    public init(_ endpoint: HTTPEndpoint, handler: @escaping @Sendable (Instruments) -> Handler) {
        self.init(endpoint: endpoint, secret: nil, isChecked: false, handler: handler)
    }
}

extension SourceConnection {
    /// - Parameters:
    ///   - routes: as ``SourceParts/route(from:_:ordering:_:)`` makes them.
    ///   - notes: what keeps it from taking events in, a line each. Default: nothing.
    ///   - close: lets go of the connection, after its routes have ended.
    public init(
        routes: [Route], notes: @escaping @Sendable () -> [String] = { [] }, close: @escaping @Sendable () async -> Void
    ) {
        self.init(routes: routes, deployTools: nil, notes: notes, close: close)
    }
}

extension SourceParts {
    /// The route from a broker to the queue, with what every source's has around it: what may pass is tried again, and what
    /// can never be understood goes to the topic of poison.
    public func route(
        from subscriber: any Subscriber, _ topic: Topic, ordering: Ordering? = nil, _ handler: @escaping Handler
    ) -> Route {
        Route(
            "\(name)-to-log", from: subscriber, topic, to: queue.publisher, queue.events, ordering: ordering,
            middlewares: Intake.unanswered(self), handler: handler)
    }
}
