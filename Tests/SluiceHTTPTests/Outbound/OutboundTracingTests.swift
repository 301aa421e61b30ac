import InMemoryTracing
import Sluice
import SluiceTesting
import Synchronization
import Testing
import Tracing

@testable import SluiceHTTP

@Suite(.timeLimit(.minutes(5)))
struct OutboundTracingTests {
    @Test func aRequestNamesTheSpanThatItIsSentWithin() async throws {
        let tracer = RecordingTracer()
        let traced = Mutex<[String?]>([])
        let configuration = HTTPClient.Configuration.with {
            $0.tracer = tracer
            $0.observe = { observation in traced.withLock { $0.append(observation.traceID) } }
        }
        try await withServer(configuration) { server, client in
            var request = server.post()
            request.headers.append(.init(name: "Traceparent", value: "of another"))
            let span = try await tracer.withSpan("s") { span in
                _ = try await client.send(request)
                return span.context.inMemorySpanContext
            }
            _ = try await client.send(server.get())
            let sent = try #require(span)
            let headers = try #require(server.requests.first?.headers).filter { $0.name.lowercased() == "traceparent" }
            #expect(headers.map(\.value) == ["00-\(sent.traceID)-\(sent.spanID)-01"])
            // Outside of a span there is none to name.
            #expect(server.requests.last?["traceparent"] == nil)
            #expect(traced.withLock(\.self) == [sent.traceID, nil])
        }
    }

    @Test func withoutATracerARequestNamesNone() async throws {
        try await withServer { server, client in
            try await RecordingTracer().withSpan("s") { _ in _ = try await client.send(server.post()) }
            #expect(server.requests.first?["traceparent"] == nil)
        }
    }

    @Test func aPublisherOverHTTPCarriesTheTraceToAnEndpoint() async throws {
        let tracer = RecordingTracer()
        try await withHarness(tracer: tracer) { harness in
            try await withClient(.with { $0.tracer = tracer }) { client in
                let publisher = try HTTPPublisher(
                    client: client,
                    marshaler: .watermill(
                        to: "http://127.0.0.1:\(harness.port)/in", headers: ["Content-Type": "application/json"]))
                let broker = MemoryBroker()
                let router = Router(logger: LogRecorder().logger, tracer: tracer)
                try router.add(
                    Route("r", from: broker.subscriber(), "in", to: publisher, "out") { message, _ in [message] })
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await router.run() }
                    try await eventually { router.status.allSatisfy(\.isRunning) }
                    try await broker.publisher().publish([Message(payload: Array("{}".utf8))], to: "in")
                    try await eventually { tracer.spans(named: "process in").count == 1 }
                    router.drain()
                    try await group.waitForAll()
                }
            }
        }
        let (server, attempt) = (tracer.spans(named: "POST /in").first, tracer.spans(named: "send out").first)
        #expect(server?.parentSpanID == attempt?.spanID)
        #expect(attempt?.attributes.value("messaging.system") == .string("http"))
    }
}
