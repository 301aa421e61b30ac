public import InMemoryTracing
import Sluice
public import Tracing

/// A tracer that keeps its spans, for tests: swift-distributed-tracing's `InMemoryTracer`, whose context travels as W3C's
/// `traceparent`, as that of every real one does.
///
/// ```swift
/// let tracer = RecordingTracer()
/// let router = Router(tracer: tracer)
/// …
/// let delivery = try #require(tracer.spans(named: "process orders").first)
/// ```
public struct RecordingTracer: Tracer {
    /// Where the spans are.
    public let memory: InMemoryTracer

    public init() {
        memory = InMemoryTracer(
            idGenerator: .init(
                nextTraceID: {
                    TraceParent(high: .random(in: 1 ... .max), low: .random(in: 0 ... .max), span: 1, isSampled: true)
                        .traceID
                },
                nextSpanID: {
                    TraceParent(high: 1, low: 1, span: .random(in: 1 ... .max), isSampled: true).spanID
                }), recordInjections: false, recordExtractions: false)
    }

    /// What has ended, in the order of the ends.
    public var spans: [FinishedInMemorySpan] { memory.finishedSpans }

    /// Those with this name that have ended.
    public func spans(named name: String) -> [FinishedInMemorySpan] { spans.filter { $0.operationName == name } }

    public func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> InMemorySpan {
        memory.startSpan(
            operationName, context: context(), ofKind: kind, at: instant(), function: function, file: fileID, line: line
        )
    }

    public func inject<Carrier, Inject: Injector>(
        _ context: ServiceContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        guard let span = context.inMemorySpanContext else { return }
        injector.inject("00-\(span.traceID)-\(span.spanID)-01", forKey: TraceParent.name, into: &carrier)
    }

    public func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        guard let parent = extractor.extract(key: TraceParent.name, from: carrier).flatMap(TraceParent.init) else {
            return
        }
        context.inMemorySpanContext = InMemorySpanContext(
            traceID: parent.traceID, spanID: parent.spanID, parentSpanID: nil)
    }

    public func forceFlush() {}
}

extension SpanAttributes {
    /// A value that can be compared.
    package func value(_ name: String) -> SpanAttribute? { self[name]?.toSpanAttribute() }
}
