/// Answers the requests to one path by itself, such as `GET /metrics`: nothing is delivered anywhere.
///
/// ```swift
/// HTTPResource("/healthz") { _ in .ok(Array("ok".utf8), contentType: "text/plain") }
/// ```
public struct HTTPResource: Sendable {
    /// Compared as it is sent: `/metrics`.
    public let path: String
    /// The one method it answers; `GET` answers `HEAD` too. Others get 405.
    public let method: String
    /// Whether it answers everyone, even where the listener has an authenticator.
    public let isOpen: Bool
    let respond: @Sendable (HTTPInboundRequest) async -> HTTPInboundResponse

    public init(
        _ path: String, method: String = "GET", isOpen: Bool = false,
        respond: @escaping @Sendable (HTTPInboundRequest) async -> HTTPInboundResponse
    ) {
        self.path = path
        self.method = method
        self.isOpen = isOpen
        self.respond = respond
    }
}
