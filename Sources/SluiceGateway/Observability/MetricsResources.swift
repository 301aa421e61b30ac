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
                    accept: request.headers["Accept"], acceptEncoding: request.headers["Accept-Encoding"])
                var headers = [
                    HTTPInboundResponse.Header("Content-Type", scrape.contentType),
                    HTTPInboundResponse.Header("Vary", scrape.vary),
                ]
                if let encoding = scrape.contentEncoding { headers.append(.init("Content-Encoding", encoding)) }
                return HTTPInboundResponse(status: 200, headers: headers, body: scrape.body)
            },
            HTTPResource("/healthz") { _ in
                .ok(Array(#"{"status":"alive"}"#.utf8) + [UInt8(ascii: "\n")], contentType: "application/json")
            },
            HTTPResource("/readyz") { _ in readiness().response },
        ]
    }
}

/// Whether the gateway takes webhooks and every part is connected.
struct Readiness: Sendable {
    /// Why it is not ready; empty when it is.
    var reasons: [String] = []
    /// What is not as it should be and keeps nobody from using the gateway, such as a sink that is held.
    var notes: [String] = []

    var response: HTTPInboundResponse {
        let body = JSONWriter.object { json in
            json.member("status", reasons.isEmpty ? "ready" : "not ready")
            for (name, lines) in [("reasons", reasons), ("notes", notes)] where !lines.isEmpty {
                json.name(name)
                json.array { json in
                    for line in lines { json.string(line) }
                }
            }
        }
        return HTTPInboundResponse(
            status: reasons.isEmpty ? 200 : 503, headers: [.init("Content-Type", "application/json")],
            body: body + [UInt8(ascii: "\n")])
    }
}
