import Foundation
import Sluice
import SluiceAMQP
import SluiceTestBrokers
import SluiceTesting
import Testing

/// What becomes of messages that are rejected, on a real broker.
@Suite(.enabled(if: AMQPUnderTest.isAvailable, AMQPUnderTest.need), .timeLimit(.minutes(10)))
struct BrokerRedeliveryTests {
    private struct Broken: Error {}

    /// Makes the queues take messages: a quorum queue refuses what comes while it elects its first leader.
    private func open(_ topics: [Topic], _ publisher: AMQPPublisher) async throws {
        for topic in topics {
            try await eventually("\(topic) takes messages") {
                (try? await publisher.publish([Message(payload: [0xFF])], to: topic)) != nil
            }
        }
    }

    /// Retry inside of the route, then the poison queue; the neighbours do not wait for it.
    @Test(arguments: [AMQPTopology.durableQueue, .quorumQueue])
    func aMessageThatAlwaysFailsGoesToThePoisonQueue(_ topology: AMQPTopology) async throws {
        let amqp = try await AMQPUnderTest.shared()
        let (topic, poison) = (amqp.uniqueTopic("failing"), amqp.uniqueTopic("poison"))
        let publisher = try amqp.publisher(topology)
        let attempts = Counter()
        let good = Collected<MessageID>()
        var retry = Retry(maxAttempts: 3)
        retry.backoff = .constant(.milliseconds(100))
        let router = Router(middlewares: [PoisonQueue(to: publisher, poison), retry])
        let failing = Message(metadata: ["kind": "bad"], payload: [0])
        let others = (1...50).map { Message(payload: [$0]) }
        try router.add(
            Route("failing", from: try amqp.subscriber(topology), topic) { message, _ in
                if message.id == failing.id {
                    attempts.add()
                    throw Broken()
                }
                good.add(message.id)
            })
        try await open([topic, poison], publisher)
        let running = Task { try await router.run() }
        try await publisher.publish([failing] + others, to: topic)
        let subscription = try await amqp.subscriber(topology).subscribe(to: poison)
        var poisoned = try await subscription.first()
        while poisoned.message.payload == [0xFF] {
            poisoned.acknowledge()
            poisoned = try await subscription.first()
        }
        #expect(poisoned.message.id == failing.id && poisoned.message.payload == [0])
        #expect(poisoned.message.metadata["kind"] == "bad")
        #expect(poisoned.message.metadata["topic_poisoned"] == topic.name)
        #expect(poisoned.message.metadata["reason_poisoned"]?.contains("Broken") == true)
        #expect(poisoned.message.metadata["attempts_poisoned"] == "3")
        poisoned.acknowledge()
        #expect(attempts.value == 3)
        try await eventually { Set(good.values).isSuperset(of: others.map(\.id)) }
        router.drain()
        try await running.value
    }

    /// A long wait for the next attempt is spent in the broker: the worker is free, and the number of the attempt and its time
    /// survive the subscriber.
    @Test(arguments: [AMQPTopology.durableQueue, .quorumQueue])
    func aMessageThatWaitsForItsNextAttemptGoesOnInAnotherProcess(_ topology: AMQPTopology) async throws {
        let amqp = try await AMQPUnderTest.shared()
        let topic = amqp.uniqueTopic("waiting")
        let publisher = try amqp.publisher(topology)
        try await open([topic], publisher)
        let attempts = Collected<(number: Int, at: ContinuousClock.Instant)>()
        let good = Counter()
        func run(until isEnough: @Sendable () -> Bool) async throws {
            let retry = Retry(maxAttempts: 5, backoff: .constant(.seconds(6)), maxElapsed: nil, handBackAfter: .zero)
            let router = Router(middlewares: [retry])
            let subscriber = try amqp.subscriber(topology)
            try router.add(
                Route("waiting", from: subscriber, topic, ordering: .unordered(limit: 1)) { message, context in
                    guard message.payload == [0] else { return good.add() }
                    attempts.add((context.attempt, .now))
                    if context.attempt < 2 { throw Broken() }
                })
            let running = Task { try await router.run() }
            try await eventually(within: .seconds(60)) { isEnough() }
            router.drain()
            try await running.value
            await subscriber.close()
        }
        try await publisher.publish([0, 1, 2].map { Message(payload: [$0]) }, to: topic)
        // One worker: the others pass the one that waits.
        try await run { attempts.count >= 1 && good.value >= 3 }
        try await run { attempts.count >= 2 }
        let both = attempts.values
        #expect(both.map(\.number) == [1, 2])
        #expect(both[1].at - both[0].at >= .milliseconds(5_990))
    }

    /// Without either, it comes back at a pace for ever, and the others pass it.
    @Test func aMessageThatAlwaysFailsIsRedeliveredAtAPace() async throws {
        let amqp = try await AMQPUnderTest.shared()
        let topic = amqp.uniqueTopic("paced")
        let publisher = try amqp.publisher()
        let attempts = Collected<Int>()
        let good = Counter()
        var configuration = Router.Configuration()
        configuration.redelivery = .exponential(from: .milliseconds(100), upTo: .seconds(30), jitter: false)
        let router = Router(configuration: configuration)
        try router.add(
            Route("paced", from: try amqp.subscriber(), topic) { message, context in
                if message.payload == [0] {
                    attempts.add(context.origin.attempt)
                    throw Broken()
                }
                good.add()
            })
        let running = Task { try await router.run() }
        let start = ContinuousClock.now
        try await publisher.publish([Message(payload: [0])] + (1...100).map { Message(payload: [$0]) }, to: topic)
        try await eventually("the others") { good.value == 100 }
        try await eventually("three attempts") { attempts.count >= 3 }
        let lasted = ContinuousClock.now - start
        // 100 ms and 200 ms lie between them.
        #expect(lasted >= .milliseconds(300))
        router.drain()
        try await running.value
        await publisher.close()
    }

    /// The delays of rejections, and what is known of the message, survive the way through another queue.
    @Test(arguments: [AMQPTopology.durableQueue, .quorumQueue])
    func aRejectedMessageComesBackWholeAndKnowsItsAttempts(_ topology: AMQPTopology) async throws {
        let amqp = try await AMQPUnderTest.shared()
        let topic = amqp.uniqueTopic("rejected")
        let publisher = try amqp.publisher(topology)
        let subscriber = try amqp.subscriber(topology)
        let subscription = try await subscriber.subscribe(to: topic)
        let message = Message(
            metadata: ["name": "Zürich", "empty": "", "amqp_content_type": "text/plain"], payload: Array(0...255))
        try await publisher.publish([message], to: topic)
        for attempt in 1...3 {
            let delivery = try await subscription.first()
            #expect(delivery.message.id == message.id && delivery.message.payload == message.payload)
            var expected = message.metadata
            if attempt > 1 { expected["amqp_redelivered"] = "true" }
            #expect(Set(delivery.message.metadata) == Set(expected))
            #expect(delivery.origin.attempt == attempt && delivery.origin.redelivered == (attempt > 1))
            let start = ContinuousClock.now
            if attempt == 3 {
                delivery.acknowledge()
            } else {
                delivery.reject(after: .milliseconds(300))
                try await eventually { subscription.count > 0 }
                #expect(ContinuousClock.now - start >= .milliseconds(298))
            }
        }
        await publisher.close()
        await subscriber.close()
    }

    /// What the broker says of earlier deliveries can be read, is counted on from when a message has waited elsewhere,
    /// and is not said of the message that is published from it.
    @Test(arguments: [AMQPTopology.durableQueue, .quorumQueue])
    func keepsWhatTheBrokerSaysOfEarlierDeliveries(_ topology: AMQPTopology) async throws {
        let amqp = try await AMQPUnderTest.shared()
        let isCounted = topology.queue.arguments["x-queue-type"] == "quorum"
        let (topic, next) = (amqp.uniqueTopic("again"), amqp.uniqueTopic("next"))
        let publisher = try amqp.publisher(topology)
        let subscriber = try amqp.subscriber(topology)
        try await open([topic, next], publisher)
        let subscription = try await subscriber.subscribe(to: topic)
        try await subscription.first().acknowledge()
        try await publisher.publish([Message(metadata: ["mine": "yes"], payload: [1])], to: topic)

        // Handed back, it goes straight to its queue.
        let first = try await subscription.first()
        #expect(first.message.metadata == ["mine": "yes"] && first.origin.attempt == 1)
        first.reject()
        let second = try await subscription.first()
        #expect(second.message.metadata["amqp_redelivered"] == "true")
        #expect(second.message.metadata["x-delivery-count"] == (isCounted ? "1" : nil))
        #expect(second.origin.attempt == 2 && second.origin.redelivered)
        // It waits as a copy, which its queue has not delivered yet.
        second.reject(after: .milliseconds(1))
        let third = try await subscription.first()
        #expect(third.message.metadata["amqp_redelivered"] == "true")
        #expect(third.message.metadata["x-delivery-count"] == nil)
        #expect(third.origin.attempt == 3)

        let reader = try amqp.subscriber(topology)
        let onward = try await reader.subscribe(to: next)
        try await onward.first().acknowledge()
        try await publisher.publish([second.message], to: next)
        let published = try await onward.first()
        #expect(published.message.id == first.message.id && published.message.metadata == ["mine": "yes"])
        #expect(published.origin.attempt == 1)
        for delivery in [third, published] { delivery.acknowledge() }
        await publisher.close()
        for subscriber in [subscriber, reader] { await subscriber.close() }
    }

    /// Every slot of the prefetch is used, and no more.
    @Test func prefetchIsHowManyAreUnderWay() async throws {
        let amqp = try await AMQPUnderTest.shared()
        let topic = amqp.uniqueTopic("prefetch")
        let publisher = try amqp.publisher()
        var options = AMQPSubscriber.Configuration()
        options.prefetch = 10
        let subscriber = try amqp.subscriber(options: options)
        let gate = Gate()
        let router = Router()
        try router.add(
            Route("prefetch", from: subscriber, topic, ordering: .unordered(limit: 100)) { _, _ in
                try await gate.wait()
            })
        let running = Task { try await router.run() }
        try await publisher.publish((0..<50).map { Message(payload: [$0]) }, to: topic)
        try await eventually("ten at once") { gate.waiting == 10 }
        try await Task.sleep(for: .milliseconds(200))
        #expect(gate.waiting == 10)
        gate.open()
        router.drain()
        try await running.value
        await publisher.close()
    }

    /// A queue that is one subscription's own goes with it; one that a group shares stays.
    @Test func theQueueOfOneSubscriptionGoesWithIt() async throws {
        let amqp = try await AMQPUnderTest.shared()
        let broker = try amqp.administration()
        let topic = amqp.uniqueTopic("fanout")
        let (alone, shared) = (
            try amqp.subscriber(.durablePubSub()), try amqp.subscriber(.durablePubSub(), group: "g")
        )
        let subscriptions = [try await alone.subscribe(to: topic), try await shared.subscribe(to: topic)]
        func queues() async throws -> [Substring] {
            try await broker.control("list_queues", "name").split(separator: "\n").filter { $0.hasPrefix(topic.name) }
        }
        #expect(try await queues().count == 2)
        for subscription in subscriptions { subscription.cancel() }
        try await eventually("the other alone") { try await queues() == ["\(topic.name)_g"] }
        for subscriber in [alone, shared] { await subscriber.close() }
    }

    /// Other clients' dead letters say where they have been.
    @Test func keepsTheHistoryThatTheBrokerWrites() async throws {
        let amqp = try await AMQPUnderTest.shared()
        let (source, graveyard) = (amqp.uniqueTopic("source"), amqp.uniqueTopic("graveyard"))
        let keeper = try amqp.publisher()
        try await keeper.publish([Message(payload: [1])], to: graveyard)
        let dying = try amqp.publisher(
            .durableQueue.deadLettering(to: .queue(graveyard.name)).with { $0.queue.arguments["x-message-ttl"] = 1 })
        let message = Message(metadata: ["mine": "yes"], payload: [2])
        try await dying.publish([message], to: source)
        let subscriber = try amqp.subscriber()
        let subscription = try await subscriber.subscribe(to: graveyard)
        try await subscription.first().acknowledge()
        let dead = try await subscription.first()
        #expect(dead.message.id == message.id && dead.message.metadata["mine"] == "yes")
        let history = try #require(dead.message.metadata["x-death"])
        #expect(history.contains(#""reason":"expired""#) && history.contains(#""queue":"\#(source.name)""#))
        #expect(history.contains(#""count":1"#) && history.hasPrefix("[{") && history.hasSuffix("}]"))
        #expect(dead.message.metadata["x-first-death-queue"] == source.name)
        // It keeps its history when it waits, which is none of it.
        dead.reject(after: .milliseconds(1))
        let waited = try await subscription.first()
        #expect(waited.message.metadata["x-death"] == history)
        #expect(waited.message.metadata["x-first-death-queue"] == source.name)
        waited.acknowledge()
        // Published on, the history is not taken for the new message's own: it does not grow.
        try await keeper.publish([waited.message], to: graveyard)
        let again = try await subscription.first()
        #expect(again.message.metadata == ["mine": "yes"])
        again.acknowledge()
        try await dying.publish([waited.message], to: source)
        let deadAgain = try await subscription.first()
        #expect(deadAgain.message.metadata["x-death"]?.contains(#""count":1"#) == true)
        deadAgain.acknowledge()
        for publisher in [keeper, dying] { await publisher.close() }
        await subscriber.close()
    }
}
