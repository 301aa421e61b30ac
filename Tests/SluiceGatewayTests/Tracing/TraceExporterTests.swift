import Foundation
import Logging
import ServiceLifecycle
import Sluice
import SluiceHTTP
import SluiceMetrics
import SluiceTesting
import Synchronization
import Testing
import Tracing

@testable import SluiceGateway

/// The exporter against a collector that is well, away, slow, busy, or against it.
@Suite(.timeLimit(.minutes(5)))
struct TraceExporterTests {
    private struct Scene: Sendable {
        let exporter: TraceExporter
        let backend: PrometheusBackend
        let log: LogRecorder

        func end(_ count: Int, _ name: String = "s") {
            for _ in 0..<count { exporter.tracer.startSpan(name, context: .topLevel).end() }
        }

        func spans(_ result: String) -> Double? {
            Exposition(of: backend).value("sluice_trace_spans_total", ["result": result])
        }
    }

    /// Runs an exporter around `body`.
    /// - Returns: how long it took to stop.
    @discardableResult
    private func run(
        to url: String, headers: [(name: String, value: String)] = [], _ change: (inout TracePace) -> Void = { _ in },
        _ body: (Scene) async throws -> Void
    ) async throws -> (time: Duration, scene: Scene) {
        var pace = TracePace()
        pace.interval = .milliseconds(20)
        pace.backoff = .constant(.milliseconds(10))
        change(&pace)
        var tracing = GatewayConfiguration.Tracing()
        tracing.headers = TraceHeaders(headers)
        let (backend, log) = (PrometheusBackend(includesProcess: false), LogRecorder())
        let exporter = TraceExporter(
            tracing, to: url, try HTTPClient(), pace, backend.instruments, logger: log.logger)
        let scene = Scene(exporter: exporter, backend: backend, log: log)
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [.init(service: exporter)], logger: Logger(label: "t") { _ in SwiftLogNoOpLogHandler() }))
        let running = Task { try await group.run() }
        let outcome: Result<Void, any Error>
        do { outcome = .success(try await body(scene)) } catch { outcome = .failure(error) }
        let start = ContinuousClock.now
        await group.triggerGracefulShutdown()
        try await running.value
        try outcome.get()
        return (ContinuousClock.now - start, scene)
    }

    private static func spans(_ request: TestHTTPServer.Request) -> Int {
        request.text.components(separatedBy: "\"spanId\"").count - 1
    }

    @Test func postsBatchesWithItsHeaders() async throws {
        let collector = try TestHTTPServer { _ in .status(200, body: "{}") }
        defer { collector.stop() }
        try await run(to: collector.url("/v1/traces"), headers: [("api-key", "k")], { $0.batch = 10 }) { scene in
            scene.end(25)
            try await eventually { scene.spans("exported") == 25 }
            #expect(scene.spans("dropped") == 0)
            #expect(scene.log.text.isEmpty)
        }
        let requests = collector.requests
        #expect(requests.allSatisfy { $0.method == "POST" && $0.path == "/v1/traces" })
        #expect(requests.allSatisfy { $0["Content-Type"] == "application/json" && $0["api-key"] == "k" })
        // Its own requests belong to no trace.
        #expect(requests.allSatisfy { $0["traceparent"] == nil })
        #expect(requests.map(Self.spans).reduce(0, +) == 25)
        #expect(requests.map(Self.spans).max() == 10)
    }

    @Test func sendsWhatIsLeftAtShutdown() async throws {
        let collector = try TestHTTPServer()
        defer { collector.stop() }
        let (_, scene) = try await run(to: collector.url(), { $0.interval = .seconds(3_600) }) { $0.end(3) }
        #expect(collector.requests.map(Self.spans) == [3])
        #expect(scene.spans("exported") == 3)
    }

    @Test(arguments: [429, 502, 503, 504])
    func triesAgainWhatMayPass(_ status: Int) async throws {
        let asked = Atomic<Int>(0)
        let collector = try TestHTTPServer { _ in
            asked.wrappingAdd(1, ordering: .relaxed).newValue <= 2
                ? .status(status, headers: ["Retry-After": "0.02"]) : .status(200)
        }
        defer { collector.stop() }
        try await run(to: collector.url()) { scene in
            scene.end(2)
            try await eventually { scene.spans("exported") == 2 }
            #expect(scene.spans("dropped") == 0)
            #expect(scene.spans("rejected") == 0)
        }
        let requests = collector.requests
        #expect(requests.count == 3)
        #expect(Set(requests.map(\.text)).count == 1)
        if requests.count == 3 { #expect(requests[1].arrival - requests[0].arrival >= .milliseconds(20)) }
    }

    @Test(arguments: [400, 401, 404, 500])
    func givesUpAtOnceWhatCannot(_ status: Int) async throws {
        let collector = try TestHTTPServer { _ in .status(status, body: "no") }
        defer { collector.stop() }
        try await run(to: collector.url()) { scene in
            for count in 1...5 {
                scene.end(1)
                try await eventually { scene.spans("rejected") == Double(count) }
            }
            // One warning a minute, however many are lost.
            #expect(scene.log.entries.filter { $0.level == .warning }.count == 1)
            #expect(scene.log.text.contains("status \(status)"))
        }
        #expect(collector.requests.count == 5)
    }

    @Test func countsWhatACollectorDidNotTakeOfARequest() async throws {
        let collector = try TestHTTPServer { _ in
            .status(200, body: #"{"partialSuccess":{"rejectedSpans":"2","errorMessage":"too old"}}"#)
        }
        defer { collector.stop() }
        try await run(
            to: collector.url(),
            {
                $0.interval = .seconds(3_600); $0.batch = 5
            }
        ) { scene in
            scene.end(5)
            try await eventually { scene.spans("exported") == 3 && scene.spans("rejected") == 2 }
            #expect(scene.log.text.contains("too old"))
        }
    }

    @Test func aCollectorThatIsAwayCostsNoMemoryAndIsTriedAgain() async throws {
        let port = try HeldPort()
        let (time, scene) = try await run(to: "http://127.0.0.1:\(port.number)/v1/traces") {
            $0.capacity = 100
            $0.batch = 10
            $0.patience = .milliseconds(100)
        } _: { scene in
            scene.end(1_000)
            try await eventually { scene.spans("dropped") == 1_000 }
            #expect(scene.log.entries.filter { $0.level == .warning }.count == 1)
            scene.end(50)
            #expect(scene.exporter.tracer.buffer.count <= 100)
        }
        // Nothing waits for it at the end.
        #expect(time < .seconds(5))
        #expect(scene.spans("dropped") == 1_050)
        #expect(scene.spans("exported") == 0)
    }

    @Test func aCollectorThatComesBackIsTold() async throws {
        let isAway = Atomic<Bool>(true)
        let collector = try TestHTTPServer { _ in isAway.load(ordering: .relaxed) ? .fault(.reset) : .status(200) }
        defer { collector.stop() }
        try await run(to: collector.url(), { $0.patience = .milliseconds(1) }) { scene in
            scene.end(1)
            try await eventually { scene.spans("dropped") == 1 }
            isAway.store(false, ordering: .relaxed)
            scene.end(1)
            try await eventually { scene.spans("exported") == 1 }
            try await eventually { scene.log.text.contains("takes spans again") }
        }
    }

    @Test func aCollectorThatNeverAnswersHoldsUpTheShutdownNoLongerThanItMay() async throws {
        let collector = try TestHTTPServer { _ in .fault(.never) }
        defer { collector.stop() }
        let (time, scene) = try await run(to: collector.url(), { $0.flush = .milliseconds(200) }) { scene in
            scene.end(7)
            try await collector.waitForRequests(1)
            scene.end(5)
        }
        #expect(time >= .milliseconds(150))
        #expect(time < .seconds(8))
        #expect(scene.spans("dropped") == 12)
    }
}
