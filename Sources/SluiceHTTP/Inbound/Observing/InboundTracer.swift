import NIOCore
import NIOHTTP1
import Sluice
import Tracing

/// Makes a span for each request that becomes a message, from its head to its answer. The message carries the trace on.
///
/// A request that names a span of its sender's is a child of that: who may send messages may say which trace they belong to. One that
/// is refused before it is a message has no span, so that strangers cannot fill a trace.
struct InboundTracer: Sendable {
    let tracer: any Tracer

    /// - Returns: the request's span.
    func begin(_ message: inout Message, of exchange: InboundConnection.Exchange, path: String) -> RequestSpan {
        let headers = HTTPInboundHeaders(exchange.head.headers)
        var parent = ServiceContext.topLevel
        tracer.extract(headers, into: &parent, using: HeaderExtractor())
        // Watermill's publisher writes the metadata as one header.
        if parent.isEmpty { parent = message.metadata.context(with: tracer) }
        let method = exchange.head.method.rawValue
        let elapsed = UInt64(clamping: (NIODeadline.now() - exchange.started).nanoseconds)
        let now = DefaultTracerClock.now.nanosecondsSinceEpoch
        let span = tracer.startSpan(
            "\(method) \(path)", context: parent, ofKind: .server,
            at: DefaultTracerClock.Timestamp(nanosecondsSinceEpoch: now.subtractingSaturated(elapsed)))
        if span.isRecording {
            span.updateAttributes { attributes in
                attributes["http.request.method"] = method
                attributes["http.route"] = path
                attributes["url.path"] = path
                attributes["url.scheme"] = "http"
                attributes["http.request.body.size"] = exchange.received
                attributes["messaging.message.id"] = message.id.description
            }
        }
        message.metadata.inject(span.context, with: tracer)
        return RequestSpan(span: span, traceID: tracer.sampledTraceID(of: span.context))
    }
}

/// The span of one request.
struct RequestSpan: Sendable {
    let span: any Tracing.Span
    /// For exemplars; nil where the trace is not sampled.
    let traceID: String?

    func end(status: Int) {
        span.attributes["http.response.status_code"] = status
        // The client went before there was an answer, or got one that says that the fault is here.
        if status >= 499 {
            span.attributes["error.type"] = "\(status)"
            span.setStatus(SpanStatus(code: .error))
        }
        span.end()
    }
}

private struct HeaderExtractor: Extractor {
    func extract(key: String, from carrier: HTTPInboundHeaders) -> String? { carrier[key] }
}
