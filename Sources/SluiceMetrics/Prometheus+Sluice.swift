public import Sluice
public import SluicePrometheus

// Where the two libraries, which do not know each other, meet.

extension PrometheusMetricsFactory: MetricDescribing {
    public func describe(_ metric: Metric) {
        registry.describe(MetricDescription(metric))
    }
}

extension PrometheusHistogram: ExemplarRecording, ZeroFirst {}
extension PrometheusCounter: ZeroFirst {}

extension MetricDescription {
    /// How Sluice's word for a metric reads in Prometheus.
    public init(_ metric: Metric) {
        let kind: MetricKind =
            switch metric.kind {
            case .counter: .counter
            case .gauge: .gauge
            case .histogram: .histogram
            }
        self.init(
            metric.name, kind: kind, help: metric.help, unit: metric.unit, labels: metric.labels.map(\.name),
            buckets: metric.kind == .histogram ? metric.buckets : nil)
    }
}
