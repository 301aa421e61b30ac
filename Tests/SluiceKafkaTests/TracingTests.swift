import InMemoryTracing
import Sluice
import SluiceTesting
import Testing
import Tracing

@testable import SluiceKafka

@Suite(.timeLimit(.minutes(5)))
struct TracingTests {
    @Test func kafkasHeadersCarryTheTrace() async throws {
        let kafka = try KafkaUnderTest(realGroups: true)
        let topics = (try await kafka.topic("in", partitions: 1), try await kafka.topic("out", partitions: 1))
        let group = kafka.uniqueGroup()
        let publisher = try KafkaPublisher(of: kafka)
        let relay = try await TraceRelay.run(
            publisher, kafka.subscriber("\(group)-a"), kafka.subscriber("\(group)-b"), topics)
        #expect(relay.fault == nil)
        let delivery = try #require(relay.spans.first { $0.operationName == "process \(topics.1)" })
        #expect(delivery.attributes.value("messaging.system") == .string("kafka"))
        #expect(delivery.attributes.value("messaging.consumer.group.name") == .string("\(group)-b"))
        #expect(delivery.attributes.value("messaging.destination.partition.id") == .string("0"))
        let header = try await RawConsumer(kafka, topics.1).read(1)[0].headers.first {
            $0.name == Array("traceparent".utf8)
        }
        let sent = try #require(relay.spans.first { $0.operationName == "send \(topics.1)" })
        #expect(header == .init("traceparent", "00-\(sent.traceID)-\(sent.spanID)-01"))
    }
}
