import CoreMetrics

/// Counts up.
public struct CounterHandle: Sendable {
    let handler: any CounterHandler

    public func increment(by amount: Int64 = 1) {
        if amount > 0 { handler.increment(by: amount) }
    }
}

/// Holds a value.
public struct GaugeHandle: Sendable {
    let handler: any MeterHandler

    public func set(_ value: Double) {
        handler.set(value)
    }
}

/// Counts values into buckets.
public struct HistogramHandle: Sendable {
    let handler: any RecorderHandler
    private let exemplars: (any ExemplarRecording)?

    init(handler: any RecorderHandler) {
        self.handler = handler
        exemplars = handler as? any ExemplarRecording
    }

    public func observe(_ value: Double) {
        handler.record(value)
    }

    /// - Parameters:
    ///   - value: in the metric's unit.
    ///   - correlationID: kept as the bucket's exemplar where the backend has exemplars.
    public func observe(_ value: Double, correlationID: String?) {
        if let exemplars, let correlationID {
            exemplars.record(value, exemplarLabel: "correlation_id", exemplarValue: correlationID)
        } else {
            handler.record(value)
        }
    }

    /// - Parameters:
    ///   - value: in the metric's unit.
    ///   - traceID: kept as the bucket's exemplar where the backend has exemplars: of a trace that is sampled.
    public func observe(_ value: Double, traceID: String?) {
        if let exemplars, let traceID {
            exemplars.record(value, exemplarLabel: "trace_id", exemplarValue: traceID)
        } else {
            handler.record(value)
        }
    }

    package func observe(nanoseconds: UInt64, correlationID: String? = nil) {
        // A division, because its result is the nearest Double: 5 ms must fall into the bucket 0.005.
        observe(Double(nanoseconds) / 1e9, correlationID: correlationID)
    }

    package func observe(nanoseconds: UInt64, traceID: String?) {
        observe(Double(nanoseconds) / 1e9, traceID: traceID)
    }
}
