public import Sluice

/// A Subscriber whose deliveries are requests: a topic is a path, and the request is answered when its message is
/// settled.
///
/// ```swift
/// let requests = try HTTPSubscriber(listener: listener, endpoints: [HTTPEndpoint("/orders", authenticator: .bearer(token))])
/// try router.add(Route("intake", from: requests, "/orders", to: log.publisher(), "orders") { message, _ in [message] })
/// ```
///
/// Acknowledged is 202. Rejected is 503 with `Retry-After`, or 400 with the reason when the error's disposition is
/// permanent. A path answers 503 as long as it has no subscription.
public final class HTTPSubscriber: Subscriber {
    public let name = "http"
    public let defaultOrdering: Ordering

    private let routes: [String: InboundRoute]
    private let closed = Flag()

    /// - Parameters:
    ///   - listener: takes the requests.
    ///   - endpoints: the paths; each must be the listener's only one.
    ///   - concurrency: how many messages a route handles at once unless told otherwise.
    /// - Throws: ``HTTPListenerError`` when a path is taken, `ConfigurationError` for a value out of its range.
    public init(listener: HTTPListener, endpoints: [HTTPEndpoint], concurrency: Int = 64) throws {
        try ConfigurationCheck.all(of: "HTTPSubscriber") { check in
            check("concurrency", concurrency, in: 1...)
            for endpoint in endpoints {
                check.include { () throws(ConfigurationError) in try endpoint.validate() }
            }
        }
        let shared = listener.shared
        // The listener refuses what is too much: a webhook that was taken in is not refused for its size here.
        let created = endpoints.flatMap {
            InboundRoute.routes(
                $0, capacityBytes: shared.configuration.maxBufferedBytes, observer: shared.observer)
        }
        try shared.add(created)
        routes = Dictionary(created.map { ($0.path, $0) }, uniquingKeysWith: { first, _ in first })
        defaultOrdering = .unordered(limit: concurrency)
    }

    /// - Throws: ``HTTPListenerError`` when no endpoint has this path, or another subscription reads it.
    public func subscribe(to topic: Topic) async throws -> Subscription {
        if closed.isSet { throw ClosedError("http subscriber") }
        guard let route = routes[topic.name] else {
            throw HTTPListenerError(.unknownPath, "no endpoint has the path \(topic)")
        }
        guard let subscription = route.subscribe() else {
            throw HTTPListenerError(.alreadySubscribed, "the endpoint \(topic) has a subscription already")
        }
        // A close that came in between has not seen it.
        if closed.isSet { subscription.cancel() }
        return subscription
    }

    public func close() async {
        closed.set()
        for route in routes.values { route.end() }
    }
}
