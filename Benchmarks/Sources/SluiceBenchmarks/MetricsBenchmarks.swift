import CoreMetrics
import Dispatch
import Foundation
import Sluice
import SluicePrometheus

/// What an update costs, what a scrape costs, and what an idle process weighs.
enum MetricsBenchmarks {
    static func run(scale: Double) async throws {
        let registry = PrometheusRegistry()
        let factory = PrometheusMetricsFactory(registry)
        let instruments = Instruments(factory: factory)
        let labels = [("handler_name", "a")]
        let counter = CoreMetrics.Counter(label: "requests", dimensions: labels, factory: factory)
        let histogram = instruments.histogram(.handlerExecutionTime, labels + [("success", "true")])
        let calls = Int(5_000_000 * scale)

        Report.subject("Metrics: an update", columns: ["what", "1 thread", "2 threads, one series"])
        Report.row("counter", updates(1, calls) { counter.increment() }, updates(2, calls) { counter.increment() })
        Report.row(
            "histogram", updates(1, calls) { histogram.observe(0.0042) },
            updates(2, calls) { histogram.observe(0.0042) })
        Report.row(
            "histogram with exemplar", updates(1, calls) { histogram.observe(0.0042, correlationID: "0193-abc") },
            updates(2, calls) { histogram.observe(0.0042, correlationID: "0193-abc") })

        Report.subject(
            "Metrics: a scrape of 10,000 series", columns: ["what", "text", "OpenMetrics", "OpenMetrics, gzip"])
        scrape("counters") { index, registry in
            registry.counter("series_\(index % 50)", [("handler_name", "\(index / 50)")]).increment(by: Int64(index))
        }
        scrape("gauges") { index, registry in
            registry.gauge("series_\(index % 50)", [("handler_name", "\(index / 50)")]).set(Double(index) / 3)
        }
    }

    private static func updates(_ threads: Int, _ calls: Int, _ update: @escaping @Sendable () -> Void) -> String {
        let best =
            (0..<5).map { _ in
                let start = ContinuousClock.now
                DispatchQueue.concurrentPerform(iterations: threads) { _ in
                    for _ in 0..<calls { update() }
                }
                return ContinuousClock.now - start
            }.min() ?? .zero
        let nanoseconds = Double(best.components.seconds) * 1e9 + Double(best.components.attoseconds) / 1e9
        return String(format: "%.1f ns", nanoseconds / Double(calls))
    }

    private static func scrape(_ name: String, fill: (Int, PrometheusRegistry) -> Void) {
        let registry = PrometheusRegistry()
        for index in 0..<10_000 { fill(index, registry) }
        func best(_ accept: String, _ encoding: String?) -> String {
            let times = (0..<7).map { _ in
                let start = ContinuousClock.now
                _ = registry.scrape(accept: accept, acceptEncoding: encoding)
                return ContinuousClock.now - start
            }
            return String(format: "%.1f ms", Double((times.min() ?? .zero).components.attoseconds) / 1e15)
        }
        let open = "application/openmetrics-text; version=1.0.0"
        Report.row(name, best("text/plain", nil), best(open, nil), best(open, "gzip"))
    }
}
