import Sluice
import SluiceHTTP
import SluicePrometheus

/// What the metrics listener serves: `/metrics`, `/healthz`, `/readyz`.
enum MetricsResources {
    /// - Parameters:
    ///   - update: brings up to date what is read asynchronously, before each scrape.
    ///   - readiness: why the gateway is not ready, a line each, and what is worth knowing besides.
    static func make(
        _ registry: PrometheusRegistry, update: @escaping @Sendable () async -> Void,
        readiness: @escaping @Sendable () -> Readiness
    ) -> [HTTPResource] {
        [
            HTTPResource("/metrics") { request in
                await update()
                let scrape = registry.scrape(
                    accept: request.headers["Accept"], acceptEncoding: request.headers["Accept-Encoding"],
                    scraper: Scraper(request))
                var headers = [
                    HTTPInboundResponse.Header("Content-Type", scrape.contentType),
                    HTTPInboundResponse.Header("Vary", scrape.vary),
                ]
                if let encoding = scrape.contentEncoding { headers.append(.init("Content-Encoding", encoding)) }
                return HTTPInboundResponse(status: 200, headers: headers, body: scrape.body)
            },
            HTTPResource("/healthz", isOpen: true) { _ in
                .ok(Array(#"{"status":"alive"}"#.utf8) + [UInt8(ascii: "\n")], contentType: "application/json")
            },
            HTTPResource("/readyz", isOpen: true) { _ in readiness().response },
        ]
    }
}

extension Scraper {
    /// Nil for everybody but Prometheus: a person with curl takes nothing away from it.
    fileprivate init?(_ request: HTTPInboundRequest) {
        guard request.method == "GET" else { return nil }
        // Behind a proxy the servers that scrape share its address.
        let address = [request.connection.peer, request.headers["X-Forwarded-For"], request.headers["Forwarded"]]
        self.init(
            address: address.compactMap(\.self).joined(separator: " "), userAgent: request.headers["User-Agent"],
            scrapeTimeout: request.headers["X-Prometheus-Scrape-Timeout-Seconds"], connection: request.connection)
    }
}
