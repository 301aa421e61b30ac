import Tracing

/// The span of a delivery, from its first pass through the chain until it is settled.
package final class DeliverySpan: Sendable {
    let span: any Tracing.Span
    /// What a message carries that stems from it.
    let fields: Metadata
    /// For exemplars; nil where the trace is not sampled.
    package let traceID: String?
    private let time: RouterTime

    init(_ span: any Tracing.Span, _ tracer: any Tracer, _ time: RouterTime) {
        self.span = span
        self.time = time
        var fields = Metadata()
        fields.inject(span.context, with: tracer)
        self.fields = fields
        traceID = tracer.sampledTraceID(of: span.context)
    }

    func note(_ event: String, _ attributes: SpanAttributes) {
        guard span.isRecording else { return }
        span.addEvent(SpanEvent(name: event, at: SpanTime(time), attributes: attributes))
    }

    /// - Parameter attempts: how often the handler was called.
    func end(_ outcome: DeliveryOutcome, attempts: Int) {
        span.updateAttributes { attributes in
            attributes["sluice.outcome"] = outcome.rawValue
            attributes["sluice.attempts"] = attempts
        }
        switch outcome {
        case .rejected, .poisoned: span.setStatus(SpanStatus(code: .error, message: outcome.rawValue))
        case .acked, .discarded, .deduplicated, .filtered, .handedBack, .revoked: break
        }
        span.end(at: SpanTime(time))
    }
}

/// A moment of a router's time.
struct SpanTime: TracerInstant {
    let nanosecondsSinceEpoch: UInt64

    init(_ time: RouterTime) {
        nanosecondsSinceEpoch = time.nanosecondsSince1970
    }

    static func < (left: SpanTime, right: SpanTime) -> Bool {
        left.nanosecondsSinceEpoch < right.nanosecondsSinceEpoch
    }
}
