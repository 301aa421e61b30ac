public import Sluice

extension HTTPResource {
    /// Serves what was measured, to Prometheus and to people: `GET /metrics` unless another path is given.
    /// - Parameters:
    ///   - exporter: what has the metrics, such as a `PrometheusBackend`.
    ///   - path: begins with `/`.
    ///   - updating: done before each scrape, which waits for it: for figures that are read asynchronously.
    public static func metrics(
        _ exporter: some MetricsExporter, at path: String = "/metrics",
        updating: @escaping @Sendable () async -> Void = {}
    ) -> HTTPResource {
        HTTPResource(path) { request in
            await updating()
            let response = await exporter.export(ScrapeRequest(request))
            return HTTPInboundResponse(
                status: 200, headers: response.headers.map { HTTPInboundResponse.Header($0.name, $0.value) },
                body: response.body)
        }
    }
}

extension [HTTPResource] {
    /// `/metrics` alone: `HTTPListener(port: 9464, resources: .metrics(backend))`.
    public static func metrics(_ exporter: some MetricsExporter) -> [HTTPResource] {
        [.metrics(exporter)]
    }
}

extension ScrapeRequest {
    /// A `HEAD` has no connection: it takes nothing away from the scraper that shares it.
    fileprivate init(_ request: HTTPInboundRequest) {
        let headers = request.headers
        // Behind a proxy the servers that scrape share its address.
        let peer = [request.connection.peer, headers["X-Forwarded-For"], headers["Forwarded"]]
        self.init(
            peer: peer.compactMap(\.self).joined(separator: " "),
            connection: request.method == "GET" ? request.connection : nil
        ) { headers[$0] }
    }
}
