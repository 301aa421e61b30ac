import Foundation
import Sluice
import SluiceAMQP
import SluiceTestBrokers
import SluiceTesting
import Synchronization
import Testing

/// Queues that others have declared, and users that may declare none.
@Suite(.enabled(if: AMQPUnderTest.isAvailable, AMQPUnderTest.need), .timeLimit(.minutes(10)))
struct BrokerForeignQueueTests {
    private struct Broken: Error {}

    struct Foreign: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let change: @Sendable (inout AMQPTopology.Queue) -> Void

        init(_ name: String, _ change: @escaping @Sendable (inout AMQPTopology.Queue) -> Void) {
            testDescription = name
            self.change = change
        }
    }

    static let foreign = [
        Foreign("quorum") { $0.arguments["x-queue-type"] = "quorum" },
        Foreign("dead-letter exchange") { $0.arguments["x-dead-letter-exchange"] = "amq.fanout" },
        Foreign("time to live") { $0.arguments["x-message-ttl"] = 600_000 },
        Foreign("length") { $0.arguments["x-max-length"] = 1_000 },
        Foreign("priorities") { $0.arguments["x-max-priority"] = 3 },
        Foreign("lazy, and it expires") { queue in
            queue.arguments["x-queue-mode"] = "lazy"
            queue.arguments["x-expires"] = 600_000
        },
        Foreign("not durable") { $0.isDurable = false },
        Foreign("auto-deleted") { $0.isAutoDeleted = true },
    ]

    @Test(arguments: foreign)
    func aQueueThatExistsIsUsedAsItIs(_ foreign: Foreign) async throws {
        let amqp = try await AMQPUnderTest.shared()
        let topic = amqp.uniqueTopic("foreign")
        let maker = try amqp.publisher(.durableQueue.with { foreign.change(&$0.queue) })
        try await eventually("it takes messages") {
            (try? await maker.publish([Message(payload: [0])], to: topic)) != nil
        }
        await maker.close()
        let log = LogRecorder()
        let (publisher, subscriber) = (try amqp.publisher(log: log), try amqp.subscriber(log: log))
        try await publisher.publish([Message(payload: [1])], to: topic)
        let subscription = try await subscriber.subscribe(to: topic)
        var payloads: [[UInt8]] = []
        while payloads.count < 3 {
            let delivery = try await subscription.first()
            payloads.append(delivery.message.payload)
            // One of them comes again from where it waits.
            if payloads.count == 1 {
                delivery.reject(after: .milliseconds(50), because: Broken())
            } else {
                delivery.acknowledge()
            }
        }
        #expect(payloads.filter { $0 == payloads[0] }.count == 2 && Set(payloads) == [[0], [1]])
        #expect(!log.text.contains("PRECONDITION"), "\(log.text)")
        await publisher.close()
        await subscriber.close()
    }

    /// A user of the test's own, with these permissions.
    private func user(
        _ amqp: AMQPUnderTest, configure: String = "^$", write: String = "^$", read: String = "^$"
    ) async throws -> AMQPConfiguration {
        let broker = try amqp.administration()
        var configuration = amqp.configuration
        (configuration.username, configuration.password) = (amqp.uniqueTopic("user").name, "s3cret")
        try await broker.control("add_user", configuration.username, configuration.password)
        try await broker.control("set_permissions", configuration.username, configure, write, read)
        return configuration
    }

    @Test func whoMayOnlyReadReadsAndLosesNothing() async throws {
        let amqp = try await AMQPUnderTest.shared()
        let topic = amqp.uniqueTopic("readonly")
        let publisher = try amqp.publisher()
        try await publisher.publish((0..<20).map { Message(payload: [$0]) }, to: topic)
        let log = LogRecorder()
        let subscriber = try amqp.subscriber(
            .durableQueue, try await user(amqp, read: "^\(topic.name)$"), log: log)
        let subscription = try await subscriber.subscribe(to: topic)
        var attempts: [Int] = []
        var handled: Set<[UInt8]> = []
        let start = ContinuousClock.now
        while handled.count < 20 {
            let delivery = try await subscription.first()
            if delivery.message.payload == [7], attempts.count < 5 {
                attempts.append(delivery.origin.attempt)
                delivery.reject(because: Broken())
            } else {
                handled.insert(delivery.message.payload)
                delivery.acknowledge()
            }
        }
        // It may not wait in the broker, and waits here for longer each time.
        #expect(attempts == [1, 2, 3, 4, 5])
        #expect(ContinuousClock.now - start > .seconds(3), "0.1 + 0.2 + 0.4 + 0.8 + 1.6 s")
        #expect(log.lines.count { $0.contains("wait") } <= 2, "\(log.text)")
        await subscriber.close()
        let rest = try await amqp.subscriber().subscribe(to: topic)
        try await publisher.publish([Message(payload: [99])], to: topic)
        #expect(try await rest.first().message.payload == [99], "nothing else was left")
        let names = try await amqp.administration().control("list_queues", "name")
        #expect(!names.contains("\(topic.name).retry"))
        await publisher.close()
    }

    @Test func whoMayOnlyWritePublishes() async throws {
        let amqp = try await AMQPUnderTest.shared()
        let topic = amqp.uniqueTopic("writeonly")
        let reader = try amqp.subscriber()
        let subscription = try await reader.subscribe(to: topic)
        let publisher = try amqp.publisher(.durableQueue, try await user(amqp, write: "^amq\\.default$"))
        try await publisher.publish([Message(payload: [1])], to: topic)
        #expect(try await subscription.first().message.payload == [1])
        let missing = amqp.uniqueTopic("missing")
        let error = await #expect(throws: (any Error).self) {
            try await publisher.publish([Message(payload: [2])], to: missing)
        }
        #expect(AMQPError.behind(error)?.code == .accessRefused)
        #expect(error.map { "\($0)".contains("\(missing.name), which does not exist") } == true)
        // The connection goes on.
        try await publisher.publish([Message(payload: [3])], to: topic)
        await publisher.close()
        await reader.close()
    }

    /// Who subscribes gets the error, and logs it: no second line for each attempt.
    @Test func aQueueThatIsMissingIsToldToWhoSubscribesAlone() async throws {
        let amqp = try await AMQPUnderTest.shared()
        let topology = AMQPTopology.durableQueue.with { $0.subscriberDeclares = .nothing }
        let log = LogRecorder()
        let subscriber = try amqp.subscriber(topology, log: log)
        for _ in 0..<3 {
            let error = await #expect(throws: AMQPError.self) {
                try await subscriber.subscribe(to: amqp.uniqueTopic("missing"))
            }
            #expect(error?.code == .notFound)
        }
        await subscriber.close()
        #expect(!log.lines.contains { $0.hasPrefix("warning") || $0.hasPrefix("error") }, "\(log.lines)")
    }

    @Test func nothingIsDeclaredWhereThatIsSaid() async throws {
        let amqp = try await AMQPUnderTest.shared()
        let topology = AMQPTopology.durableQueue.with { topology in
            topology.publisherDeclares = .nothing
            topology.subscriberDeclares = .nothing
        }
        var options = AMQPSubscriber.Configuration()
        options.waitsInQueues = false
        let topic = amqp.uniqueTopic("undeclared")
        let (publisher, subscriber) = (try amqp.publisher(topology), try amqp.subscriber(topology, options: options))
        let error = await #expect(throws: AMQPError.self) { try await subscriber.subscribe(to: topic) }
        #expect(error?.code == .notFound)
        await #expect(throws: PublishError.self) { try await publisher.publish([Message(payload: [1])], to: topic) }
        #expect(try await !amqp.administration().control("list_queues", "name").contains(topic.name))
        // Once it exists, both work.
        let maker = try amqp.publisher()
        try await maker.publish([Message(payload: [1])], to: topic)
        let subscription = try await subscriber.subscribe(to: topic)
        let first = try await subscription.first()
        first.reject(after: .milliseconds(10), because: Broken())
        let second = try await subscription.first()
        #expect(second.origin.attempt == 2)
        second.acknowledge()
        try await publisher.publish([Message(payload: [2])], to: topic)
        try await subscription.first().acknowledge()
        #expect(try await !amqp.administration().control("list_queues", "name").contains("\(topic.name).retry"))
        for publisher in [publisher, maker] { await publisher.close() }
        await subscriber.close()
    }

    /// The broker takes it away by itself, also when the queue that it belongs to is read no more.
    @Test func aRetryQueueGoesWhenItIsUsedNoMore() async throws {
        let amqp = try await AMQPUnderTest.shared()
        let topic = amqp.uniqueTopic("tiers")
        let publisher = try amqp.publisher()
        try await publisher.publish([Message(payload: [1])], to: topic)
        let subscriber = try amqp.subscriber()
        let subscription = try await subscriber.subscribe(to: topic)
        try await subscription.first().reject(after: .milliseconds(100), because: Broken())
        try await subscription.first().acknowledge()
        let queues = try await amqp.administration().control("list_queues", "name", "arguments")
        let tier = try #require(queues.split(separator: "\n").first { $0.contains("\(topic.name).retry.100") })
        // Twice its delay and ten minutes after its last use; it is declared again each minute that it is used.
        #expect(tier.contains("\"x-expires\"") && tier.contains("600200"), "\(tier)")
        await publisher.close()
        await subscriber.close()
    }
}
