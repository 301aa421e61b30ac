public import Sluice
public import SluicePrometheus

/// Prometheus as the backend of the catalogue: where the two libraries, which do not know each other, meet.
public struct PrometheusBackend: Sendable {
    public let registry: PrometheusRegistry
    public let instruments: Instruments

    public init() {
        let registry = PrometheusRegistry()
        registry.describe(Metric.catalogue.map(MetricDescription.init))
        let instruments = Instruments(factory: PrometheusMetricsFactory(registry))
        registry.beforeScrape { instruments.refresh() }
        self.registry = registry
        self.instruments = instruments
    }
}

extension MetricDescription {
    /// How the catalogue's word for a metric reads in Prometheus.
    init(_ metric: Metric) {
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

extension SluicePrometheus.HistogramHandle: ExemplarRecording, ZeroFirst {}
extension SluicePrometheus.CounterHandle: ZeroFirst {}
