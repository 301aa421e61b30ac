public import Sluice

/// Metrics of requests taken in and of requests made.
extension Metric {
    /// Those of listeners and of clients.
    public static let http: [Metric] = [
        httpRequests, httpRequestDuration, httpClientRequests, httpClientRequestDuration,
    ]

    package static let httpClientRequests = counter(
        "sluice_http_client_requests_total",
        labels: [.target, .code],
        help: "Requests made to other systems.")
    package static let httpClientRequestDuration = histogram(
        "sluice_http_client_request_duration_seconds",
        labels: [.target],
        buckets: Buckets.publish,
        help: "Time of each request made to another system.")
}

extension Metric.Label {
    package static let route = Metric.Label("route", "the configured path, or `unmatched`")
    static let code = Metric.Label("code", "the HTTP status, or `error` when there was none", cap: 40)
    static let target = Metric.Label("target", "the configured name of the other side")
}
