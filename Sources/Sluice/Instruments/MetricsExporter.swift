/// Writes down what was measured, for a server that scrapes, such as Prometheus.
///
/// SluiceMetrics's `PrometheusBackend` is one, and SluiceHTTP's listener serves any:
///
///     let backend = PrometheusBackend()
///     let listener = try HTTPListener(port: 9464, resources: .metrics(backend))
public protocol MetricsExporter: Sendable {
    /// Answers one scrape. Called for each request, possibly several times at once.
    func export(_ request: ScrapeRequest) async -> ScrapeResponse
}

/// A request for what was measured, as far as an exporter looks at it: whatever server took it in.
public struct ScrapeRequest: Sendable {
    /// The value of a header field by its name, whose case does not matter; nil when the request has none.
    public let header: @Sendable (String) -> String?
    /// Where the request came from, without a port. Behind a proxy, with all that the proxy says of it.
    public let peer: String
    /// Lives as long as the connection, by which several scrapers at one address are told apart.
    ///
    /// Nil, the default: the scraper is not remembered, and sees series that are made late as they are.
    public let connection: (any AnyObject & Sendable)?

    public init(
        peer: String = "", connection: (any AnyObject & Sendable)? = nil,
        header: @escaping @Sendable (String) -> String? = { _ in nil }
    ) {
        self.header = header
        self.peer = peer
        self.connection = connection
    }
}

/// What a scrape is answered with: 200, these header fields, this body.
public struct ScrapeResponse: Sendable {
    public let headers: [(name: String, value: String)]
    public let body: [UInt8]

    public init(headers: [(name: String, value: String)], body: [UInt8]) {
        self.headers = headers
        self.body = body
    }
}
