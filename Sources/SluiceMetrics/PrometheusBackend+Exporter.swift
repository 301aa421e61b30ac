public import Sluice
import SluicePrometheus

extension PrometheusBackend: MetricsExporter {
    /// Answers in the format and encoding that the request asks for (RFC 9110, section 12).
    public func export(_ request: ScrapeRequest) async -> ScrapeResponse {
        let scrape = registry.scrape(
            accept: request.header("Accept"), acceptEncoding: request.header("Accept-Encoding"),
            scraper: request.connection.flatMap { connection in
                Scraper(
                    address: request.peer, userAgent: request.header("User-Agent"),
                    scrapeTimeout: request.header("X-Prometheus-Scrape-Timeout-Seconds"), connection: connection)
            })
        var headers = [(name: "Content-Type", value: scrape.contentType), (name: "Vary", value: scrape.vary)]
        if let encoding = scrape.contentEncoding { headers.append((name: "Content-Encoding", value: encoding)) }
        return ScrapeResponse(headers: headers, body: scrape.body)
    }
}
