import Sluice
import SluiceHTTP

/// What the metrics listener serves: `/metrics`, `/healthz`, `/readyz`.
enum MetricsResources {
    /// - Parameters:
    ///   - update: brings up to date what is read asynchronously, before each scrape.
    ///   - readiness: why the gateway is not ready, a line each, and what is worth knowing besides.
    static func make(
        _ exporter: some MetricsExporter, update: @escaping @Sendable () async -> Void,
        readiness: @escaping @Sendable () -> Readiness
    ) -> [HTTPResource] {
        [
            .metrics(exporter, updating: update),
            HTTPResource("/healthz", isOpen: true) { _ in
                .ok(Array(#"{"status":"alive"}"#.utf8) + [UInt8(ascii: "\n")], contentType: "application/json")
            },
            HTTPResource("/readyz", isOpen: true) { _ in readiness().response },
        ]
    }
}
