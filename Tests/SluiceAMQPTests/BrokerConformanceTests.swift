import Sluice
import SluiceAMQP
import SluiceTestBrokers
import SluiceTesting
import Testing

/// Every preset keeps the promises of a Pub/Sub, on a real broker.
@Suite(.enabled(if: AMQPUnderTest.isAvailable, AMQPUnderTest.need), .timeLimit(.minutes(10)))
struct BrokerConformanceTests {
    /// One queue a topic, whose subscribers share what is in it.
    static let queue = PubSubFeatures().with {
        $0.consumerGroups = false
        $0.guaranteedOrder = false
        $0.limitsInFlight = false
        $0.redeliveryMetadata = ["amqp_redelivered", "x-delivery-count"]
    }

    /// A queue a group, which exists from its first subscription on.
    static let pubSub = queue.with {
        $0.consumerGroups = true
        $0.newSubscriberReceivesOldMessages = false
    }

    @Test(arguments: PubSubConformance.cases)
    func durableQueue(_ conformance: PubSubConformance.Case) async throws {
        try await run(conformance, Self.queue, .durableQueue)
    }

    @Test(arguments: PubSubConformance.cases)
    func quorumQueue(_ conformance: PubSubConformance.Case) async throws {
        try await run(conformance, Self.queue, .quorumQueue)
    }

    @Test(arguments: PubSubConformance.cases)
    func durablePubSub(_ conformance: PubSubConformance.Case) async throws {
        try await run(conformance, Self.pubSub, .durablePubSub())
    }

    @Test(arguments: PubSubConformance.cases)
    func durableTopic(_ conformance: PubSubConformance.Case) async throws {
        let exchange = "conformance"
        try await run(conformance, Self.pubSub, .durableTopic(exchange: exchange, queue: .generated))
    }

    private func run(
        _ conformance: PubSubConformance.Case, _ features: PubSubFeatures, _ topology: AMQPTopology
    ) async throws {
        let amqp = try await AMQPUnderTest.shared()
        try await Self.run(conformance, amqp, features, topology)
    }

    static func run(
        _ conformance: PubSubConformance.Case, _ amqp: AMQPUnderTest, _ features: PubSubFeatures,
        _ topology: AMQPTopology, restart: (@Sendable () async throws -> Void)? = nil
    ) async throws {
        let log = LogRecorder()
        var harness = PubSubHarness(features: features) {
            var own = AMQPPublisher.Configuration()
            // Without a subscriber nothing is missed.
            own.isMandatory = features.newSubscriberReceivesOldMessages
            return try amqp.publisher(topology, options: own, log: log)
        } makeSubscriber: { options in
            var own = AMQPSubscriber.Configuration()
            let limit = min(options.maxInFlight ?? .max, options.capacity ?? .max)
            own.prefetch = .init(min(Int(own.prefetch), limit))
            return try amqp.subscriber(topology, group: options.group, options: own, log: log)
        }
        harness.restart = restart
        if let reason = conformance.skipReason(on: harness) { try Test.cancel("\(conformance): \(reason)") }
        do {
            try await conformance.run(on: harness)
        } catch {
            let queues = try? await amqp.broker?.control(
                "list_queues", "name", "messages_ready", "messages_unacknowledged", "consumers")
            Issue.record("\(conformance.name): \(error)\n\(log.text)\n\(queues ?? "")")
        }
    }
}
