import Sluice

/// Counts what becomes of spans.
final class TraceMeter: Sendable {
    private let spans: [String: CounterHandle]

    init(_ instruments: Instruments, _ buffer: SpanBuffer) {
        spans = Dictionary(
            uniqueKeysWithValues: Metric.spanResults.map {
                ($0, instruments.counter(.traceSpans, [("result", $0)]))
            })
        let waiting = instruments.gauge(.traceSpansWaiting)
        instruments.onRefresh(for: self) { waiting.set(Double(buffer.count)) }
    }

    func exported(_ count: Int) { spans["exported"]?.increment(by: Int64(count)) }
    func rejected(_ count: Int) { spans["rejected"]?.increment(by: Int64(count)) }
    func dropped(_ count: Int) { spans["dropped"]?.increment(by: Int64(count)) }
}

extension Metric {
    static let tracingArea = Area(
        "Tracing", "Only where traces are exported.", [traceSpans, traceSpansWaiting])

    fileprivate static let spanResults = ["exported", "rejected", "dropped"]

    static let traceSpans = counter(
        "sluice_trace_spans_total",
        labels: [Label("result", "what became of them", values: spanResults)],
        help:
            "Spans that have ended: those that the collector took, those that it refused, and those that were dropped because it did not take them in time."
    )
    static let traceSpansWaiting = gauge(
        "sluice_trace_spans_waiting",
        help: "Spans that have ended and wait for the collector.")
}
