import Sluice
import Tracing

/// Makes spans for the exporter. Its context travels as W3C Trace Context.
struct OTLPTracer: Tracer {
    let buffer: SpanBuffer
    let sampler: TraceSampler
    let ratio: Double

    func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> OTLPSpan {
        var context = context()
        let parent = context[TraceContext.self]
        var generator = SystemRandomNumberGenerator()
        var own =
            parent?.span
            ?? TraceParent(
                high: .random(in: 1 ... .max, using: &generator), low: .random(in: 0 ... .max, using: &generator),
                span: 0, isSampled: false)
        own.span = .random(in: 1 ... .max, using: &generator)
        own.isSampled = sampler.keeps(parent: parent?.span, low: own.low, ratio: ratio)
        context[TraceContext.self] = TraceContext(span: own, state: parent?.state)
        guard own.isSampled else { return OTLPSpan(context, operationName) }
        return OTLPSpan(
            context,
            SpanRecord(
                own, parent: parent?.span.span, state: parent?.state, name: operationName, kind: kind,
                start: instant().nanosecondsSinceEpoch), to: buffer)
    }

    func inject<Carrier, Inject: Injector>(
        _ context: ServiceContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        guard let trace = context[TraceContext.self] else { return }
        injector.inject(trace.span.description, forKey: TraceParent.name, into: &carrier)
        if let state = trace.state { injector.inject(state, forKey: TraceParent.stateName, into: &carrier) }
    }

    func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        guard let span = extractor.extract(key: TraceParent.name, from: carrier).flatMap(TraceParent.init) else {
            return
        }
        let state = extractor.extract(key: TraceParent.stateName, from: carrier).flatMap(TraceState.valid)
        context[TraceContext.self] = TraceContext(span: span, state: state)
    }

    /// The exporter does that in its own time.
    func forceFlush() {}
}

/// Which span code runs within.
struct TraceContext: Sendable {
    let span: TraceParent
    /// What vendors have to say of the trace; handed on as it came.
    let state: String?
}

extension TraceContext: ServiceContextKey {
    typealias Value = TraceContext
}

/// The header `tracestate` (https://www.w3.org/TR/trace-context/#tracestate-header).
enum TraceState {
    /// A longer one may be dropped.
    private static let longest = 512

    /// - Returns: the text where it is one that may be handed on.
    static func valid(_ text: String) -> String? {
        guard !text.isEmpty, text.utf8.count <= longest else { return nil }
        let members = text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
        return members.count <= 32 && members.allSatisfy(isMember) ? text : nil
    }

    /// A name, an equals sign, and visible characters without either of the two that separate; an empty one is allowed.
    private static func isMember(_ member: Substring.UTF8View) -> Bool {
        let text = member.drop { $0 == 0x20 || $0 == 0x09 }
        guard let first = text.first else { return true }
        guard isLetterOrDigit(first), let equals = text.firstIndex(of: UInt8(ascii: "=")) else { return false }
        let (name, value) = (text[..<equals], text[text.index(after: equals)...])
        return name.count <= 256 && name.allSatisfy { isLetterOrDigit($0) || "_-*/@".utf8.contains($0) }
            && !value.isEmpty && value.count <= 256
            && value.allSatisfy { $0 >= 0x20 && $0 <= 0x7E && $0 != UInt8(ascii: "=") }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z") || byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }
}
