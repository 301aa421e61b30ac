import Logging
import Sluice
import SluiceTestBrokers
import SluiceTesting
import Synchronization
import Testing

@testable import SluiceKafka

@Suite(.timeLimit(.minutes(10)))
struct SubscriberTests {
    private func texts(_ range: Range<Int>) -> [String] { range.map(String.init) }

    @Test func deliversWhatIsThereAndWhatComesAndGoesOnAfterwards() async throws {
        let kafka = try KafkaUnderTest(brokers: 1)
        let (topic, group) = (try await kafka.topic(), kafka.uniqueGroup())
        let producer = try RawProducer(kafka.configuration)
        try producer.produce(texts: texts(0..<100), partition: 0, to: topic)
        let subscriber = try kafka.subscriber(group)
        let subscription = try await subscriber.subscribe(to: topic)
        let first = try await subscription.receive(100)
        #expect(first.map(\.message.text) == texts(0..<100))
        #expect(first.map(\.origin.offset) == (0..<100).map(Int64.init))
        #expect(first.allSatisfy { $0.origin.partition == 0 && !$0.origin.redelivered && $0.origin.attempt == 1 })
        #expect(subscriber.connectionState.isConnected)
        try producer.produce(texts: texts(100..<120), partition: 0, to: topic)
        let second = try await subscription.receive(20)
        #expect(second.map(\.message.text) == texts(100..<120))
        for delivery in first + second.prefix(5) { delivery.acknowledge() }
        // Beyond the prefix.
        second[10].acknowledge()
        await subscriber.close()
        #expect(try await subscription.next() == nil)
        let next = try kafka.subscriber(group)
        let rest = try await next.subscribe(to: topic).receive(14)
        #expect(rest.map(\.message.text) == (105..<120).filter { $0 != 110 }.map(String.init))
        #expect(rest.allSatisfy { $0.origin.redelivered })
        await next.close()
    }

    /// The commit's metadata remembers what was settled beyond the prefix: after a crash, too, only what was in flight
    /// comes again.
    @Test func aCrashRedeliversOnlyWhatWasNotCommitted() async throws {
        let kafka = try KafkaUnderTest(brokers: 1)
        let (topic, group) = (try await kafka.topic(), kafka.uniqueGroup())
        try RawProducer(kafka.configuration).produce(texts: texts(0..<600), partition: 1, to: topic)
        let subscriber = try kafka.subscriber(group)
        let deliveries = try await subscriber.subscribe(to: topic).receive(600)
        let open = Set([3, 50, 51, 200, 431, 599])
        // The prefix last: the commit that shows it holds all the others.
        for (number, delivery) in deliveries.enumerated().reversed() where !open.contains(number) {
            delivery.acknowledge()
        }
        let topics = try KafkaTopics(kafka.configuration, logger: .silent)
        try await eventually("the commit") {
            try await topics.backlog(of: topic, group: group)[1] == 597
        }
        await topics.close()
        await subscriber.crash()
        let next = try kafka.subscriber(group)
        let subscription = try await next.subscribe(to: topic)
        let again = try await subscription.receive(6)
        #expect(again.map(\.message.text) == open.sorted().map(String.init))
        #expect(again.allSatisfy { $0.origin.redelivered })
        try await Task.sleep(for: .milliseconds(100))
        #expect(subscription.count == 0)
        await next.close()
    }

    /// A client that leaves its group without any broker is asked nothing: librdkafka left out the answer to one in
    /// some hundreds.
    @Test func manyCloseAtOnceWhileTheClusterIsAway() async throws {
        var kafka = try KafkaUnderTest(brokers: 1)
        let mock = try kafka.faults()
        // A hundred that ask for more all the time would leave no processor for anything else.
        kafka.configuration.properties["fetch.wait.max.ms"] = "2000"
        kafka.configuration.statisticsInterval = .seconds(5)
        let topic = try await kafka.topic(partitions: 1)
        // A hundred on a busy machine are not all heard of within 3.5 s. Who joins again waits for nearly as long.
        var options = KafkaUnderTest.quick
        options.sessionTimeout = .seconds(12)
        options.heartbeatInterval = .seconds(3)
        let subscribers = try (0..<100).map { _ in try kafka.subscriber(kafka.uniqueGroup(), options) }
        for subscriber in subscribers { _ = try await subscriber.subscribe(to: topic) }
        // Not all at the same moment: one that ended meanwhile is to be closed too.
        var members: Set<Int> = []
        try await eventually("partitions") {
            for (number, subscriber) in subscribers.enumerated() where subscriber.lag(of: topic)?.partitions[0] != nil {
                members.insert(number)
            }
            return members.count == subscribers.count
        }
        try mock.takeDown()
        try await eventually("the loss") { subscribers.allSatisfy { !$0.connectionState.isConnected } }
        let closed = Tally()
        for subscriber in subscribers {
            Task {
                await subscriber.close()
                closed.count.add(1, ordering: .relaxed)
            }
        }
        // One that got no answer would wait for ever.
        try await eventually("all are closed") {
            closed.count.load(ordering: .relaxed) == subscribers.count
        }
    }

    @Test func startsWithWhatIsPublishedFromNowOn() async throws {
        let kafka = try KafkaUnderTest(brokers: 1)
        let (topic, group) = (try await kafka.topic(), kafka.uniqueGroup())
        let producer = try RawProducer(kafka.configuration)
        try producer.produce(texts: texts(0..<10), partition: 0, to: topic)
        var options = KafkaUnderTest.quick
        options.start = .end
        let subscriber = try kafka.subscriber(group, options)
        let subscription = try await subscriber.subscribe(to: topic)
        // The end is pinned as soon as it is known: what comes from then on is not missed, whatever happens.
        try await eventually("partitions") { subscriber.lag(of: topic)?.partitions[0] != nil }
        try producer.produce(texts: texts(10..<20), partition: 0, to: topic)
        #expect(try await subscription.receive(10).map(\.message.text) == texts(10..<20))
        await subscriber.close()
    }

    @Test func startsAtATime() async throws {
        let kafka = try KafkaUnderTest(brokers: 1)
        let topic = try await kafka.topic()
        let producer = try RawProducer(kafka.configuration)
        for number in 0..<10 {
            try producer.produce(
                Array("\(number)".utf8), partition: 0, timestamp: 1_700_000_000_000 + Int64(number) * 1_000, to: topic)
        }
        try producer.flush()
        var options = KafkaUnderTest.quick
        options.start = .time(Timestamp(millisecondsSince1970: 1_700_000_004_500))
        let subscriber = try kafka.subscriber(nil, options)
        let subscription = try await subscriber.subscribe(to: topic)
        if kafka.mock != nil {
            // The mock cluster finds no offset by time, which means that all records are older: the end.
            try await eventually("partitions") { subscriber.lag(of: topic)?.partitions[0] != nil }
            try producer.produce(texts: ["5"], partition: 0, to: topic)
            #expect(try await subscription.receive(1).map(\.message.text) == ["5"])
        } else {
            #expect(try await subscription.receive(5).map(\.message.text) == texts(5..<10))
        }
        await subscriber.close()
    }

    @Test func readsEverythingWithoutAGroupAndCommitsNothing() async throws {
        let kafka = try KafkaUnderTest(brokers: 1)
        let topic = try await kafka.topic()
        let producer = try RawProducer(kafka.configuration)
        for partition in Int32(0)..<4 {
            try producer.produce(texts: texts(0..<5).map { "\(partition)-\($0)" }, partition: partition, to: topic)
        }
        let count = 20
        for _ in 0..<2 {
            let subscriber = try kafka.subscriber(nil)
            let subscription = try await subscriber.subscribe(to: topic)
            let deliveries = try await subscription.receive(count)
            #expect(Set(deliveries.map(\.message.text)).count == count)
            deliveries[0].reject()
            #expect(try await subscription.receive(1)[0].message == deliveries[0].message)
            for delivery in deliveries.dropFirst() { delivery.acknowledge() }
            await subscriber.close()
        }
    }

    @Test func tellsHowFarItIsBehind() async throws {
        let kafka = try KafkaUnderTest(brokers: 1)
        let topic = try await kafka.topic()
        let producer = try RawProducer(kafka.configuration)
        for number in 0..<50 {
            try producer.produce([1], partition: 0, timestamp: 1_700_000_000_000 + Int64(number) * 1_000, to: topic)
        }
        try producer.flush()
        let subscriber = try kafka.subscriber(kafka.uniqueGroup())
        #expect(subscriber.lag(of: topic) == nil)
        let deliveries = try await subscriber.subscribe(to: topic).receive(50)
        try await eventually("a lag") { subscriber.lag(of: topic)?.messages == 50 }
        #expect(subscriber.lag(of: topic)?.oldest?.millisecondsSince1970 == 1_700_000_000_000)
        for delivery in deliveries[..<20] + deliveries[30...] { delivery.acknowledge() }
        let lag = try #require(subscriber.lag(of: topic))
        #expect(lag.partitions[0]?.messages == 10 && lag.oldest?.millisecondsSince1970 == 1_700_000_020_000)
        for delivery in deliveries { delivery.acknowledge() }
        #expect(subscriber.lag(of: topic)?.messages == 0 && subscriber.lag(of: topic)?.oldest == nil)
        #expect(subscriber.lag(of: "another") == nil)
        await subscriber.close()
    }

    @Test func refusesWhatIsWrongWithTheConfiguration() throws {
        let kafka = try KafkaUnderTest(brokers: 1)
        func refuses(_ group: String? = "g", _ change: (inout KafkaSubscriber.Configuration) -> Void) {
            var options = KafkaSubscriber.Configuration()
            change(&options)
            #expect(throws: ConfigurationError.self) { try kafka.subscriber(group, options) }
        }
        refuses("") { _ in }
        refuses { $0.capacity = 0 }
        refuses { $0.maxInFlight = 0 }
        refuses { $0.commitInterval = .zero }
        refuses { $0.heartbeatInterval = .seconds(40) }
        refuses { $0.maxPollInterval = .seconds(10) }
        var configuration = kafka.configuration
        configuration.properties["enable.auto.commit"] = "true"
        let error = #expect(throws: ConfigurationError.self) {
            try KafkaSubscriber(configuration, group: "g", logger: .silent)
        }
        #expect(error?.field == "KafkaConfiguration.properties[enable.auto.commit]")
    }

    @Test func anUnreachableClusterIsNoErrorAndSaysSo() async throws {
        let kafka = try KafkaUnderTest(brokers: 1)
        let mock = try kafka.faults()
        let topic = try await kafka.topic()
        try mock.takeDown()
        let subscriber = try kafka.subscriber(kafka.uniqueGroup())
        let subscription = try await subscriber.subscribe(to: topic)
        try await eventually("a reason") { subscriber.connectionState.reason != "not connected yet" }
        #expect(!subscriber.connectionState.isConnected)
        try mock.bringUp()
        try RawProducer(kafka.configuration).produce(texts: ["x"], to: topic)
        #expect(try await subscription.receive(1).map(\.message.text) == ["x"])
        #expect(subscriber.connectionState == KafkaConnectionState(isConnected: true, reason: nil))
        await subscriber.close()
    }

    @Test func closesWhileTheClusterIsAway() async throws {
        let kafka = try KafkaUnderTest(brokers: 1)
        let mock = try kafka.faults()
        let topic = try await kafka.topic()
        try RawProducer(kafka.configuration).produce(texts: ["x"], to: topic)
        // What it waits for the commit that no broker takes; leaving has five seconds more.
        var options = KafkaUnderTest.quick
        options.commitTimeout = .seconds(2)
        let subscriber = try kafka.subscriber(kafka.uniqueGroup(), options)
        let delivery = try await subscriber.subscribe(to: topic).receive(1)[0]
        try mock.takeDown()
        delivery.acknowledge()
        let elapsed = await ContinuousClock().measure { await subscriber.close() }
        #expect(elapsed < .seconds(60))
        await #expect(throws: ClosedError.self) { try await subscriber.subscribe(to: topic) }
    }

    /// What is fetched and not handled is bounded by what the options say, and nothing is lost by it.
    @Test(arguments: [16, 4_096]) func aSlowConsumerTakesBoundedMemory(_ maxInFlight: Int) async throws {
        let kafka = try KafkaUnderTest(brokers: 1)
        let topic = try await kafka.topic()
        let producer = try RawProducer(kafka.configuration)
        let payload = [UInt8](repeating: 0, count: 10_000)
        for _ in 0..<400 { try producer.produce(payload, partition: 0, to: topic) }
        try producer.flush()
        var options = KafkaUnderTest.quick
        options.capacity = 8
        options.maxInFlight = maxInFlight
        options.prefetchMessages = 10
        options.prefetchKilobytes = 100
        let subscriber = try kafka.subscriber(kafka.uniqueGroup(), options)
        let subscription = try await subscriber.subscribe(to: topic)
        let held = try await subscription.receive(8)
        try await eventually("a full subscription") { subscription.count == 8 }
        for _ in 0..<20 {
            try await Task.sleep(for: .milliseconds(20))
            #expect(subscription.count == 8)
            let fetched = subscriber.statistics?.fetched.messages ?? 0
            // One answer of a broker may come beyond the limit: 1 MiB.
            #expect(fetched <= 160, "\(fetched) records lay in the client")
        }
        for delivery in held { delivery.acknowledge() }
        var offsets = held.map(\.origin.offset)
        while offsets.count < 400 {
            let batch = try #require(try await subscription.next())
            offsets += batch.map(\.origin.offset)
            for delivery in batch { delivery.acknowledge() }
        }
        #expect(offsets == (0..<400).map { Int64($0) })
        await subscriber.close()
    }

    /// Polling goes on while a handler works, and the group keeps the member.
    @Test func aHandlerSlowerThanThePollIntervalKeepsItsPartitions() async throws {
        let kafka = try KafkaUnderTest(brokers: 1)
        let (topic, group) = (try await kafka.topic(), kafka.uniqueGroup())
        try RawProducer(kafka.configuration).produce(texts: texts(0..<40), partition: 0, to: topic)
        var options = KafkaUnderTest.quick
        options.maxPollInterval = options.sessionTimeout
        options.capacity = 4
        let pause = options.maxPollInterval * 1.5
        let route = try ReadingRoute(try kafka.subscriber(group, options), topic, .serial) { message, _ in
            if message.text == "3" { try await Task.sleep(for: pause) }
        }
        try await route.run {
            func rebalances() -> Int { route.subscriber.statistics?.group?.rebalances ?? 0 }
            try await eventually("the place in the group") {
                route.count >= 1 && rebalances() > 0
            }
            let before = rebalances()
            try await eventually("all messages") { route.count >= 40 }
            #expect(rebalances() == before)
        }
        #expect(route.handled.map(\.text) == texts(0..<40))
        #expect(route.handled.allSatisfy { !$0.redelivered })
    }
}

private final class Tally: Sendable {
    let count = Atomic<Int>(0)
}
