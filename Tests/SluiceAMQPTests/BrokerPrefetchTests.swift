import Sluice
import SluiceAMQP
import SluiceTestBrokers
import SluiceTesting
import Testing

/// What a real broker may send ahead is bounded in bytes.
@Suite(.enabled(if: AMQPUnderTest.isAvailable, AMQPUnderTest.need), .timeLimit(.minutes(10)))
struct BrokerPrefetchTests {
    private static let count = 60
    private static let payload = [UInt8](repeating: 0x78, count: 1 << 20)

    private var options: AMQPSubscriber.Configuration {
        var options = AMQPSubscriber.Configuration()
        options.prefetchBytes = 8 << 20
        return options
    }

    @Test(arguments: [AMQPTopology.durableQueue, .quorumQueue])
    func whatIsTooMuchIsPutBackAndComesWhenThereIsRoom(_ topology: AMQPTopology) async throws {
        let amqp = try await AMQPUnderTest.shared()
        let topic = amqp.uniqueTopic("prefetch")
        let publisher = try amqp.publisher(topology)
        try await eventually("the queue takes messages") {
            (try? await publisher.publish([Message(payload: Self.payload)], to: topic)) != nil
        }
        for _ in 1..<Self.count { try await publisher.publish([Message(payload: Self.payload)], to: topic) }
        let subscriber = try amqp.subscriber(topology, options: options)
        let subscription = try await subscriber.subscribe(to: topic)
        // The prefetch of 256 lets all of them out at once.
        try await eventually { subscription.count >= 7 }
        var received = Set<MessageID>()
        var hands: [Delivery] = []
        while received.count < Self.count {
            let delivery = try await subscription.first()
            #expect(delivery.message.payload == Self.payload)
            received.insert(delivery.message.id)
            hands.append(delivery)
            // 8 MiB, the properties of each beside its body: what waits and what is in hand, together.
            #expect(subscription.count + hands.count <= 8)
            if hands.count >= 5 { hands.removeFirst().acknowledge() }
        }
        for delivery in hands { delivery.acknowledge() }
        await subscriber.close()
        let again = try amqp.subscriber(topology, options: options)
        try await publisher.publish([Message(payload: [1])], to: topic)
        // Nothing was settled twice, and nothing is left.
        #expect(try await again.subscribe(to: topic).first().message.payload == [1])
        await again.close()
        await publisher.close()
    }

    /// A subscription that ends puts everything back.
    @Test func whatThereWasNoRoomForIsLeftToOthers() async throws {
        let amqp = try await AMQPUnderTest.shared()
        let topic = amqp.uniqueTopic("prefetch")
        let publisher = try amqp.publisher()
        for _ in 0..<30 { try await publisher.publish([Message(payload: Self.payload)], to: topic) }
        let first = try amqp.subscriber(options: options)
        let subscription = try await first.subscribe(to: topic)
        try await eventually { subscription.count >= 7 }
        subscription.cancel()
        let second = try amqp.subscriber()
        let other = try await second.subscribe(to: topic)
        var received = Set<MessageID>()
        while received.count < 30 {
            let delivery = try await other.first()
            received.insert(delivery.message.id)
            delivery.acknowledge()
        }
        for closing in [first, second] { await closing.close() }
        await publisher.close()
    }

    @Test func aMessageThatIsTooLargeFailsWithItsBeginning() async throws {
        let amqp = try await AMQPUnderTest.shared()
        let topic = amqp.uniqueTopic("prefetch")
        let publisher = try amqp.publisher()
        let large = (0..<500_000).map { UInt8(truncatingIfNeeded: $0 / 1_000) }
        try await publisher.publish([Message(payload: large), Message(payload: [1])], to: topic)
        var options = AMQPSubscriber.Configuration()
        options.maxMessageBytes = 100_000
        let subscriber = try amqp.subscriber(options: options)
        let subscription = try await subscriber.subscribe(to: topic)
        let delivery = try await subscription.first()
        #expect((delivery.origin.failure as? AMQPError)?.code == .tooLarge)
        #expect(delivery.message.payload == Array(large.prefix(65_536)))
        delivery.acknowledge()
        #expect(try await subscription.first().message.payload == [1])
        await subscriber.close()
        await publisher.close()
    }
}
