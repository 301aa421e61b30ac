import InMemoryTracing
import Sluice
import SluiceSQLite
import SluiceTesting
import Testing
import Tracing

@Suite(.timeLimit(.minutes(5))) struct TracingTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    @Test func theLogCarriesTheTrace() async throws {
        let log = try directory.open()
        let relay = try await TraceRelay.run(
            log.publisher(), log.subscriber(group: "a"), log.subscriber(group: "b"), ("in", "out"))
        #expect(relay.fault == nil)
        let delivery = try #require(relay.spans.first { $0.operationName == "process out" })
        #expect(delivery.attributes.value("messaging.system") == .string("sqlite"))
        #expect(delivery.attributes.value("messaging.consumer.group.name") == .string("b"))
        #expect(delivery.attributes.value("sluice.offset") == .int64(1))
        await log.close()
    }

    @Test func withoutATracerTheLogHoldsNothingMore() async throws {
        let log = try directory.open()
        let relay = try await TraceRelay.run(
            log.publisher(), log.subscriber(group: "a"), log.subscriber(group: "b"), ("in", "out"), tracer: nil,
            metadata: [:])
        #expect(relay.metadata == [:])
        await log.close()
    }
}
