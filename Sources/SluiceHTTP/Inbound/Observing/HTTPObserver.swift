/// How one request ended, for metrics.
public struct HTTPExchange: Sendable {
    /// `GET`, `HEAD`, `POST`, `PUT`, `PATCH`, `DELETE`, `OPTIONS` or `other`.
    public let method: String
    /// The status of the answer; 499 when the client went before there was one.
    public let status: Int
    /// From the head of the request to its answer.
    public let duration: Duration
    /// Bytes of the body that were read, as transmitted.
    public let receivedBytes: Int
    /// Bytes of the answer, its head included.
    public let sentBytes: Int
    /// The trace that the request's message belongs to, where it is sampled: for exemplars.
    public internal(set) var traceID: String? = nil
}

/// Sees every request once, when it has been answered or its client has gone.
///
/// The outer closure runs once for each route, with its path, and once with `unmatched` for requests that found no
/// route or had no readable head; what it returns is called for each request, on an event loop, and must not block.
public struct HTTPObserver: Sendable {
    let observe: @Sendable (_ route: String) -> (@Sendable (HTTPExchange) -> Void)

    public init(_ observe: @escaping @Sendable (_ route: String) -> (@Sendable (HTTPExchange) -> Void)) {
        self.observe = observe
    }

    /// Looks away.
    public static let none = HTTPObserver { _ in { _ in } }
}
