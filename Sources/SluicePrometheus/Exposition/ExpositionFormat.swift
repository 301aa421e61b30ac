/// How metrics are written down for Prometheus.
public struct ExpositionFormat: Sendable, Hashable {
    /// Prometheus' own text format, version 0.0.4.
    public static let text = ExpositionFormat(code: .text)
    /// OpenMetrics 1.0.0, which has units and exemplars as well.
    public static let openMetrics = ExpositionFormat(code: .openMetrics)

    enum Code: Sendable {
        case text, openMetrics
    }

    let code: Code

    /// The value of the response's `Content-Type`.
    public var contentType: String {
        switch code {
        case .text: "text/plain; version=0.0.4; charset=utf-8"
        case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
        }
    }
}
