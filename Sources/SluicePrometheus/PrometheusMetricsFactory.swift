public import CoreMetrics

/// Makes swift-metrics' objects report to a `PrometheusRegistry`.
///
///     let registry = PrometheusRegistry()
///     MetricsSystem.bootstrap(PrometheusMetricsFactory(registry))
///
/// Counters get the suffix `_total`, an aggregating `Recorder` and a `Timer` (in seconds) become histograms, a `Meter` and
/// a `Gauge` gauges. Objects of the same label and dimensions share one series, which stays until each of them was
/// destroyed.
public struct PrometheusMetricsFactory: MetricsFactory {
    /// Where everything is counted.
    public let registry: PrometheusRegistry

    public init(_ registry: PrometheusRegistry) {
        self.registry = registry
    }

    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        registry.counter(label, dimensions)
    }

    public func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        registry.counter(label, dimensions)
    }

    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        registry.gauge(label, dimensions)
    }

    public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        if aggregate { registry.histogram(label, dimensions) } else { registry.gauge(label, dimensions) }
    }

    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        registry.histogram(label, dimensions)
    }

    public func destroyCounter(_ handler: any CounterHandler) {
        release(handler)
    }

    public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {
        release(handler)
    }

    public func destroyMeter(_ handler: any MeterHandler) {
        release(handler)
    }

    public func destroyRecorder(_ handler: any RecorderHandler) {
        release(handler)
    }

    public func destroyTimer(_ handler: any TimerHandler) {
        release(handler)
    }

    private func release(_ handler: AnyObject) {
        switch handler {
        case let handle as PrometheusCounter: registry.release(.counter(handle))
        case let handle as PrometheusGauge: registry.release(.gauge(handle))
        case let handle as PrometheusHistogram: registry.release(.histogram(handle))
        default: break
        }
    }
}
