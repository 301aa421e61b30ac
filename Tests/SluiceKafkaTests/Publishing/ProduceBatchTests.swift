import CRDKafka
import Sluice
import SluiceTesting
import Testing

@testable import SluiceKafka

@Suite(.timeLimit(.minutes(10)))
struct ProduceBatchTests {
    /// A producer that has failed for good takes nothing more, until it is replaced; here it is not.
    @Test func whatLibrdkafkaRefusesAtOnceIsReported() async throws {
        let kafka = try KafkaUnderTest()
        let publisher = try KafkaPublisher(of: kafka)
        let native = try NativeClient(
            .producer, try KafkaPublisher.Configuration().native(kafka.configuration), events: RD_KAFKA_EVENT_DR,
            monitor: ClientMonitor(secrets: SecretTexts(), logger: .silent, meter: nil))
        let client = ProducerClient(native)
        try client.enter()
        rd_kafka_test_fatal_error(native.handle, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "told to")

        // Batches, one after the other, and between them a message that is too large for one.
        let messages = (0..<300).map { number in
            Message(
                metadata: ["number": "\(number)"], payload: [UInt8](repeating: 0, count: number == 150 ? 10_000 : 10))
        }
        let call = PublishCall(messages.count, client)
        var production = Production(
            messages, "refused", try client.topic("refused"), publisher: publisher, client: client, call: call)
        await production.run()
        await call.wait()
        let error = #expect(throws: PublishError.self) { try call.outcome(for: messages) }
        #expect(error?.notAccepted == messages.map(\.id))
        #expect((error?.underlying as? KafkaError)?.description.contains("told to") == true)

        // The publish has left the producer, which may end.
        client.retire(ClosedError("test"))
        #expect(client.isDone)
        client.end()
        await publisher.close()
    }
}
