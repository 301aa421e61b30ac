import InMemoryTracing
import Sluice
import SluiceAMQP
import SluiceTesting
import Testing
import Tracing

/// Traces through a real broker.
@Suite(.enabled(if: AMQPUnderTest.isAvailable, AMQPUnderTest.need), .timeLimit(.minutes(10)))
struct BrokerTracingTests {
    @Test func headersOfAMQPCarryTheTrace() async throws {
        let amqp = try await AMQPUnderTest.shared()
        let relay = try await TraceRelay.run(
            amqp.publisher(), amqp.subscriber(), amqp.subscriber(), (amqp.uniqueTopic("in"), amqp.uniqueTopic("out")))
        #expect(relay.fault == nil)
        #expect(
            relay.spans.allSatisfy { [nil, .string("rabbitmq")].contains($0.attributes.value("messaging.system")) })
        #expect(relay.spans.contains { $0.attributes.value("messaging.system") == .string("rabbitmq") })
    }
}
