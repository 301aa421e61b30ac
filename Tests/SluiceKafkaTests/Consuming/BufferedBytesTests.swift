import Sluice
import SluiceTestBrokers
import SluiceTesting
import Testing

@testable import SluiceKafka

/// What waits in a subscription is bounded in bytes, whatever the sizes of records.
@Suite(.timeLimit(.minutes(10)))
struct BufferedBytesTests {
    @Test func aBacklogOfLargeRecordsIsReadAsThereIsRoom() async throws {
        let kafka = try KafkaUnderTest(brokers: 1)
        // A partition of the mock cluster keeps no more than 5 MB.
        let topic = try await kafka.topic(partitions: 16)
        let producer = try RawProducer(kafka.configuration)
        let text = String(repeating: "x", count: 500_000)
        for partition: Int32 in 0..<16 {
            try producer.produce(texts: Array(repeating: text, count: 9), partition: partition, to: topic)
        }
        let subscriber = try kafka.subscriber(kafka.uniqueGroup())
        let subscription = try await subscriber.subscribe(to: topic)
        try await eventually(within: .seconds(60)) { subscription.room == 0 }
        // 16 MiB hold 33 of them; how many are asked for at once goes by their size.
        #expect(subscription.count <= 40)
        var deliveries: [Delivery] = []
        var largest = 0
        while deliveries.count < 144 {
            deliveries += try #require(try await subscription.next(5))
            largest = max(largest, subscription.count)
        }
        #expect(largest <= 40)
        #expect(deliveries.allSatisfy { $0.origin.attempt == 1 })
        // All of them given back at once: none is lost to a full subscription.
        for delivery in deliveries { delivery.reject(after: .zero) }
        deliveries = []
        while deliveries.count < 144 { deliveries += try #require(try await subscription.next(5)) }
        #expect(deliveries.allSatisfy { $0.origin.attempt == 2 })
        for delivery in deliveries { delivery.acknowledge() }
        await subscriber.close()
    }
}
