import InMemoryTracing
import Logging
import Sluice
import SluiceMetrics
import SluicePrometheus
import SluiceTesting
import Synchronization
import Testing
import Tracing

/// Spans of routes, in virtual time where they wait.
@Suite(.timeLimit(.minutes(5)))
struct RouteTracingTests {
    private struct Unavailable: DispositionError, CustomStringConvertible {
        var disposition: Disposition { .retry() }
        var reason: String { "unavailable" }
        var description: String { "the password is hunter2" }
    }

    /// Runs a route over one message until the broker has nothing left.
    private func spans(
        _ message: Message = Message(id: "m", payload: Array("a payload".utf8)),
        middlewares: [any Middleware] = [], destination: String? = nil, ordering: Ordering = .serial,
        until isDone: @escaping @Sendable (RecordingTracer) -> Bool = { !$0.spans(named: "process in").isEmpty },
        _ handler: @escaping @Sendable (Message, HandlerContext) async throws -> Void
    ) async throws -> [FinishedInMemorySpan] {
        try await VirtualTime.run { time in
            let tracer = RecordingTracer()
            let broker = MemoryBroker(time: time)
            let router = Router(
                middlewares: middlewares, logger: LogRecorder().logger, time: time, tracer: tracer)
            try router.add(
                Route(
                    "r", from: broker.subscriber(group: "g"), "in", ordering: ordering,
                    destination: destination.map { try Destination($0, time: time) }, handler: handler))
            let running = time.task { try await router.run() }
            try await time.eventually { router.status.allSatisfy(\.isRunning) }
            try await broker.publisher().publish([message], to: "in")
            try await time.eventually { isDone(tracer) }
            router.drain()
            try await running.value
            #expect(tracer.memory.activeSpans.isEmpty)
            return tracer.spans
        }
    }

    @Test func aDeliveryAndItsAttemptHaveASpanEach() async throws {
        let current = Mutex<ServiceContext?>(nil)
        let spans = try await spans { message, context in
            current.withLock { $0 = .current }
            #expect(context.logger[metadataKey: "trace_id"] != nil)
        }
        #expect(spans.map(\.operationName) == ["attempt r", "process in"])
        let (attempt, delivery) = (spans[0], spans[1])
        #expect(delivery.kind == .consumer)
        #expect(delivery.parentSpanID == nil)
        #expect(delivery.attributes.value("messaging.system") == .string("memory"))
        #expect(delivery.attributes.value("messaging.operation.type") == .string("process"))
        #expect(delivery.attributes.value("messaging.operation.name") == .string("process"))
        #expect(delivery.attributes.value("messaging.destination.name") == .string("in"))
        #expect(delivery.attributes.value("messaging.consumer.group.name") == .string("g"))
        #expect(delivery.attributes.value("messaging.message.id") == .string("m"))
        #expect(delivery.attributes.value("sluice.route") == .string("r"))
        #expect(delivery.attributes.value("sluice.outcome") == .string("acked"))
        #expect(delivery.status == nil)
        #expect(attempt.kind == .internal)
        #expect(attempt.parentSpanID == delivery.spanID)
        #expect(attempt.traceID == delivery.traceID)
        #expect(attempt.attributes.value("sluice.attempt") == .int64(1))
        #expect(attempt.attributes.value("sluice.outcome") == .string("success"))
        // What the handler opens is the attempt's child.
        #expect(current.withLock { $0?.inMemorySpanContext?.spanID } == attempt.spanID)
    }

    @Test func eachRetryHasASpanAndItsWaitIsAnEvent() async throws {
        let calls = Atomic<Int>(0)
        let spans = try await spans(
            middlewares: [Retry(maxAttempts: 3, backoff: .constant(.seconds(2)))], destination: "chat"
        ) { _, _ in
            if calls.wrappingAdd(1, ordering: .relaxed).newValue < 3 { throw Unavailable() }
        }
        #expect(spans.map(\.operationName) == ["attempt chat", "attempt chat", "attempt chat", "process in"])
        let delivery = spans[3]
        #expect(spans.prefix(3).allSatisfy { $0.kind == .client && $0.parentSpanID == delivery.spanID })
        #expect(spans.prefix(3).allSatisfy { $0.attributes.value("sluice.destination") == .string("chat") })
        #expect(spans.map { $0.attributes.value("sluice.attempt") } == [.int64(1), .int64(2), .int64(3), nil])
        #expect(
            spans.prefix(3).map { $0.attributes.value("sluice.outcome") } == [
                .string("failure"), .string("failure"), .string("success"),
            ])
        #expect(spans[0].attributes.value("error.type") == .string("unavailable"))
        #expect(spans[0].status == SpanStatus(code: .error, message: "unavailable"))
        #expect(delivery.attributes.value("sluice.attempts") == .int64(3))
        let retries = delivery.events.filter { $0.name == "retry" }
        #expect(retries.map { $0.attributes.value("sluice.attempt") } == [.int64(1), .int64(2)])
        #expect(retries.allSatisfy { $0.attributes.value("error.type") == .string("unavailable") })
        #expect(retries.allSatisfy { $0.attributes.value("sluice.delay_seconds") == .double(2) })
        // The router's time is that of the spans.
        let starts = spans.prefix(3).map(\.startInstant.nanosecondsSinceEpoch)
        #expect(starts[1] - starts[0] == 2_000_000_000)
        // No text of an error, nor a payload, is in any of it.
        for span in spans {
            #expect(!"\(span)".contains("hunter2"))
            #expect(!"\(span)".contains("a payload"))
        }
    }

    @Test func aThrottledDeliverySaysHowLongItWaited() async throws {
        let spans = try await spans { _, context in
            try await context.wait(for: .seconds(3), booking: .throttle)
        }
        let wait = try #require(spans.last?.events.first { $0.name == "wait" })
        #expect(wait.attributes.value("sluice.stage") == .string("throttle"))
        #expect(wait.attributes.value("sluice.wait_seconds") == .double(3))
    }

    @Test func aDeliveryThatItsRouteKeepsGoesOnWithItsSpan() async throws {
        let calls = Atomic<Int>(0)
        let spans = try await spans { _, _ in
            if calls.wrappingAdd(1, ordering: .relaxed).newValue < 2 { throw Unavailable() }
        }
        #expect(spans.map(\.operationName) == ["attempt r", "attempt r", "process in"])
        #expect(spans[2].events.contains { $0.name == "redelivery" })
        #expect(spans[2].attributes.value("sluice.outcome") == .string("acked"))
    }

    @Test func aDeliveryThatComesAgainIsAnotherChildOfItsSender() async throws {
        let calls = Atomic<Int>(0)
        let sender = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        let spans = try await spans(
            Message(id: "m", metadata: ["traceparent": sender], payload: [1]), ordering: .unordered(limit: 2),
            until: { $0.spans(named: "process in").count == 2 }
        ) { _, _ in
            if calls.wrappingAdd(1, ordering: .relaxed).newValue < 2 { throw Unavailable() }
        }
        let deliveries = spans.filter { $0.operationName == "process in" }
        #expect(deliveries.map(\.traceID) == Array(repeating: "4bf92f3577b34da6a3ce929d0e0e4736", count: 2))
        #expect(deliveries.map(\.parentSpanID) == ["00f067aa0ba902b7", "00f067aa0ba902b7"])
        #expect(deliveries[0].spanID != deliveries[1].spanID)
        let numbers = deliveries.map { $0.attributes.value("sluice.delivery") }
        #expect(numbers.first == .int64(1) && numbers.last != .int64(1))
        #expect(deliveries.map { $0.attributes.value("sluice.outcome") } == [.string("rejected"), .string("acked")])
        #expect(deliveries[0].status?.code == .error)
    }

    @Test func aBrokerInMemoryCarriesTheTrace() async throws {
        let broker = MemoryBroker()
        let relay = try await TraceRelay.run(
            broker.publisher(), broker.subscriber(group: "a"), broker.subscriber(group: "b"), ("in", "out"))
        #expect(relay.fault == nil)
        #expect(relay.spans.first { $0.operationName == "send out" }?.kind == .producer)
    }

    @Test func withoutATracerNothingIsAddedOrChanged() async throws {
        let broker = MemoryBroker()
        let metadata: Metadata = ["a": "1", "traceparent": TraceRelay.sender.description]
        let relay = try await TraceRelay.run(
            broker.publisher(), broker.subscriber(group: "a"), broker.subscriber(group: "b"), ("in", "out"),
            tracer: nil, metadata: metadata)
        #expect(relay.metadata == metadata)
    }

    @Test func metadataThatAreFullStayAsTheyAre() async throws {
        let broker = MemoryBroker()
        var metadata: Metadata = [:]
        for number in 0..<MetadataLimits.count { metadata["\(number)"] = "" }
        let relay = try await TraceRelay.run(
            broker.publisher(), broker.subscriber(group: "a"), broker.subscriber(group: "b"), ("in", "out"),
            metadata: metadata)
        #expect(relay.metadata == metadata)
    }

    @Test func theStateOfAnotherTraceDoesNotTravelWithANewOne() {
        let tracer = RecordingTracer()
        var metadata: Metadata = ["tracestate": "a=1", "b": "2"]
        let span = tracer.startSpan("s", context: .topLevel)
        metadata.inject(span.context, with: tracer)
        #expect(metadata["tracestate"] == nil)
        #expect(metadata["b"] == "2")
        #expect(metadata.context(with: tracer).inMemorySpanContext?.spanID == span.context.inMemorySpanContext?.spanID)
    }

    @Test func poisonedMessagesAreErrorsAndCarryTheTrace() async throws {
        let kept = RecordingPublisher()
        let spans = try await VirtualTime.run { time in
            let tracer = RecordingTracer()
            let broker = MemoryBroker(time: time)
            let poison = broker.publisher()
            let router = Router(
                middlewares: [PoisonQueue(to: poison, "poison")],
                logger: LogRecorder().logger, time: time, tracer: tracer)
            try router.add(Route("r", from: broker.subscriber(), "in") { _, _ in throw Unavailable() })
            try router.add(
                Route("p", from: broker.subscriber(), "poison") { message, _ in
                    try await kept.publish([message], to: "kept")
                })
            let running = time.task { try await router.run() }
            try await time.eventually { router.status.allSatisfy(\.isRunning) }
            try await broker.publisher().publish([Message(payload: [])], to: "in")
            try await time.eventually { tracer.spans(named: "process poison").count == 1 }
            router.drain()
            try await running.value
            return tracer.spans
        }
        let delivery = try #require(spans.first { $0.operationName == "process in" })
        #expect(delivery.attributes.value("sluice.outcome") == .string("poisoned"))
        #expect(delivery.status?.code == .error)
        let later = try #require(spans.first { $0.operationName == "process poison" })
        #expect(later.parentSpanID == delivery.spanID)
    }

    @Test func exemplarsNameTheTrace() async throws {
        let backend = PrometheusBackend(includesProcess: false)
        let tracer = RecordingTracer()
        let broker = MemoryBroker()
        let router = Router(
            middlewares: [CorrelationID(), HandlerMetrics()], instruments: backend.instruments,
            logger: LogRecorder().logger, tracer: tracer)
        try router.add(Route("r", from: broker.subscriber(), "in") { _, _ in })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await router.run() }
            try await eventually { router.status.allSatisfy(\.isRunning) }
            try await broker.publisher().publish([Message(payload: [])], to: "in")
            try await eventually { tracer.spans(named: "process in").count == 1 }
            router.drain()
            try await group.waitForAll()
        }
        let traceID = try #require(tracer.spans.first?.traceID)
        let text = String(decoding: backend.registry.exposition(.openMetrics), as: UTF8.self)
        for name in ["sluice_handler_attempt_duration_seconds_bucket", "handler_execution_time_seconds_bucket"] {
            #expect(
                text.split(separator: "\n").contains {
                    $0.hasPrefix(name) && $0.contains("# {trace_id=\"\(traceID)\"} ")
                },
                "\(name)")
        }
        #expect(!String(decoding: backend.registry.exposition(.text), as: UTF8.self).contains("trace_id"))
    }
}
