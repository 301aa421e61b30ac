import InMemoryTracing
import Sluice
import SluiceTesting
import Testing
import Tracing

@testable import SluiceHTTP

@Suite(.timeLimit(.minutes(5)))
struct InboundTracingTests {
    private let sender = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    @Test func aRequestGoesOnWithItsSendersTrace() async throws {
        let tracer = RecordingTracer()
        try await withHarness(tracer: tracer) { harness in
            #expect(try await harness.post("{}", headers: ["TraceParent: \(sender)"]).status == 202)
            let span = try #require(tracer.spans.first)
            #expect(span.operationName == "POST /in")
            #expect(span.kind == .server)
            #expect(span.traceID == "4bf92f3577b34da6a3ce929d0e0e4736")
            #expect(span.parentSpanID == "00f067aa0ba902b7")
            #expect(span.attributes.value("http.request.method") == .string("POST"))
            #expect(span.attributes.value("http.route") == .string("/in"))
            #expect(span.attributes.value("http.response.status_code") == .int64(202))
            #expect(span.attributes.value("http.request.body.size") == .int64(2))
            #expect(span.status == nil)
            #expect(span.endInstant.nanosecondsSinceEpoch >= span.startInstant.nanosecondsSinceEpoch)
            // The message names the request's span, not the sender's.
            #expect(harness.received.first?.metadata["traceparent"] == "00-\(span.traceID)-\(span.spanID)-01")
            #expect(harness.seen.first?.traceID == span.traceID)
        }
    }

    @Test(arguments: [
        [], ["traceparent: nonsense"], ["traceparent: 00-00000000000000000000000000000000-00f067aa0ba902b7-01"],
        [
            "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4737-00f067aa0ba902b7-01",
        ],
    ])
    func aRequestWithoutAValidParentBeginsATrace(_ headers: [String]) async throws {
        let tracer = RecordingTracer()
        try await withHarness(tracer: tracer) { harness in
            #expect(try await harness.post("{}", headers: headers).status == 202)
            let span = try #require(tracer.spans.first)
            #expect(span.parentSpanID == nil)
            #expect(!span.traceID.hasPrefix("4bf92f3577b34da6"))
            #expect(harness.received.first?.metadata["traceparent"] == "00-\(span.traceID)-\(span.spanID)-01")
        }
    }

    @Test func whatWatermillsPublisherPutsIntoItsHeaderIsTheParentToo() async throws {
        let tracer = RecordingTracer()
        try await withHarness(tracer: tracer) { harness in
            let metadata = #"Message-Metadata: {"traceparent":"\#(sender)","a":"1"}"#
            #expect(try await harness.post("{}", headers: [metadata]).status == 202)
            let span = try #require(tracer.spans.first)
            #expect(span.parentSpanID == "00f067aa0ba902b7")
            #expect(
                harness.received.first?.metadata == [
                    "a": "1", "content_type": "application/json", "traceparent": "00-\(span.traceID)-\(span.spanID)-01",
                ])
        }
    }

    @Test func aLongBodyIsTracedLikeAShortOne() async throws {
        let tracer = RecordingTracer()
        try await withHarness(tracer: tracer) { harness in
            let body = [UInt8](repeating: UInt8(ascii: "1"), count: 100_000)
            let response = try await harness.post(body, headers: ["traceparent: \(sender)"])
            #expect(response.status == 202)
            #expect(tracer.spans.first?.parentSpanID == "00f067aa0ba902b7")
        }
    }

    @Test func whatIsRefusedHasNoSpanAndWhatFailsIsAnError() async throws {
        let tracer = RecordingTracer()
        try await withHarness(
            endpoint: { $0.authenticator = .token("t") }, tracer: tracer, settle: { $0.reject() }
        ) { harness in
            #expect(try await harness.post("{}", headers: ["traceparent: \(sender)"]).status == 401)
            #expect(tracer.spans.isEmpty)
            #expect(try await harness.post("{}", headers: ["Authorization: Bearer t"]).status == 503)
            let span = try #require(tracer.spans.first)
            #expect(span.attributes.value("http.response.status_code") == .int64(503))
            #expect(span.status?.code == .error)
            #expect(!"\(span)".contains("Bearer"))
        }
        #expect(tracer.memory.activeSpans.isEmpty)
    }

    @Test func withoutATracerAMessageHoldsNothingOfIt() async throws {
        try await withHarness { harness in
            let response = try await harness.post("{}", headers: ["traceparent: \(sender)", "tracestate: a=1"])
            #expect(response.status == 202)
            #expect(harness.received.first?.metadata == ["content_type": "application/json"])
            #expect(harness.seen.first?.traceID == nil)
        }
    }
}
