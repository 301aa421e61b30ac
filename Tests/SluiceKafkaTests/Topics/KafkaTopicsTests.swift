import CRDKafka
import Sluice
import SluiceTestBrokers
import SluiceTesting
import Testing

@testable import SluiceKafka

@Suite(.timeLimit(.minutes(10)))
struct KafkaTopicsTests {
    @Test func createsATopicOnce() async throws {
        let kafka = try KafkaUnderTest()
        let topic = kafka.uniqueTopic()
        let topics = try KafkaTopics(kafka.configuration, logger: .silent)
        for _ in 0..<2 {
            try await topics.create(topic, partitions: 3, replication: 1, retention: .seconds(3_600))
        }
        await topics.close()
        let publisher = try KafkaPublisher(of: kafka)
        try await publisher.publish(["x"], to: topic)
        try await eventually("the partitions") { publisher.statistics?.topics[topic.name]?.isEmpty == false }
        // The mock cluster makes topics itself, of four partitions.
        #expect(publisher.statistics?.topics[topic.name]?.count == (kafka.mock == nil ? 3 : 4))
        await publisher.close()
    }

    @Test func manyMayCreateItAtOnce() async throws {
        let kafka = try KafkaUnderTest()
        let topic = kafka.uniqueTopic()
        let topics = try (0..<5).map { _ in try KafkaTopics(kafka.configuration, logger: .silent) }
        try await withThrowingDiscardingTaskGroup { group in
            for topics in topics {
                group.addTask { try await topics.create(topic, partitions: 3, replication: nil, retention: nil) }
            }
        }
        for topics in topics { await topics.close() }
    }

    @Test func tellsHowFarAGroupIsBehind() async throws {
        let kafka = try KafkaUnderTest()
        let topic = try await kafka.topic()
        let group = "group-\(topic)"
        let topics = try KafkaTopics(kafka.configuration, logger: .silent)
        #expect(try await topics.backlog(of: topic, group: group) == [0: 0, 1: 0, 2: 0, 3: 0])
        let publisher = try KafkaPublisher(of: kafka, key: .metadata("key"))
        try await publisher.publish((0..<100).map { Message(key: "\($0)", "x") }, to: topic)
        await publisher.close()
        let consumer = try RawConsumer(kafka, topic, group: group)
        let records = try await consumer.read(100)
        let counts = Dictionary(grouping: records, by: \.partition).mapValues { Int64($0.count) }
        // Nothing committed: everything that there is.
        #expect(try await topics.backlog(of: topic, group: group).filter { $0.value > 0 } == counts)
        let (partition, count) = try #require(counts.max { $0.value < $1.value })
        try consumer.commit([partition: 2])
        #expect(try await topics.backlog(of: topic, group: group)[partition] == count - 2)
        try consumer.commit(counts)
        #expect(try await topics.backlog(of: topic, group: group).values.allSatisfy { $0 == 0 })
        await topics.close()
    }

    @Test func tellsWhenTheFirstUnreadRecordWasMade() async throws {
        let kafka = try KafkaUnderTest()
        let topic = try await kafka.topic()
        let group = "group-\(topic)"
        let topics = try KafkaTopics(kafka.configuration, logger: .silent)
        let producer = try RawProducer(kafka.configuration)
        #expect(try await topics.lag(of: topic, group: group).oldest == nil)
        for number in Int64(0)..<3 {
            for partition in Int32(1)...2 {
                try producer.produce(
                    [1], partition: partition, timestamp: 1_700_000_000_000 + number * 1_000 + Int64(partition),
                    to: topic)
            }
        }
        try producer.flush()
        let consumer = try RawConsumer(kafka, topic, group: group)
        try await consumer.read(6)
        // What is read after the others were committed comes from the place behind them, also when asked twice.
        for (committed, oldest) in [(0, 1), (1, 1_001), (1, 1_001), (2, 2_001)] as [(Int64, Int64)] {
            try consumer.commit([1: committed, 2: committed])
            let lag = try await topics.lag(of: topic, group: group)
            #expect(lag.messages == 2 * (3 - committed))
            #expect(lag.oldest?.millisecondsSince1970 == 1_700_000_000_000 + oldest)
        }
        try consumer.commit([1: 3])
        #expect(try await topics.lag(of: topic, group: group).oldest?.millisecondsSince1970 == 1_700_000_002_002)
        try consumer.commit([2: 3])
        #expect(try await topics.lag(of: topic, group: group).oldest == nil)
        await topics.close()
    }

    @Test func fiftyAskAtOnce() async throws {
        let kafka = try KafkaUnderTest()
        let topic = try await kafka.topic()
        let topics = try KafkaTopics(kafka.configuration, logger: .silent)
        try await withThrowingDiscardingTaskGroup { group in
            for _ in 0..<50 {
                group.addTask {
                    let backlog = try await topics.backlog(of: topic, group: "g")
                    #expect(backlog.count == 4)
                }
            }
        }
        await topics.close()
    }

    @Test func doesNotWaitForAnUnreachableClusterForEver() async throws {
        let kafka = try KafkaUnderTest()
        try kafka.faults().takeDown()
        let topics = try KafkaTopics(kafka.configuration, timeout: .milliseconds(300), logger: .silent)
        let error = await #expect(throws: KafkaError.self) {
            try await topics.create("t", partitions: 1, replication: nil, retention: nil)
        }
        #expect(error?.disposition == .retry())
        await #expect(throws: KafkaError.self) { _ = try await topics.backlog(of: "t", group: "g") }
        try kafka.faults().bringUp()
        try await eventually("an answer") { (try? await topics.backlog(of: "t", group: "g")) != nil }
        await topics.close()
    }

    /// librdkafka 2.0.2 ends the process when the coordinator of a group comes up after a question to it has timed out.
    @Test(arguments: [true, false]) func survivesACoordinatorThatComesTooLate(_ asksOn: Bool) async throws {
        let kafka = try KafkaUnderTest()
        let mock = try kafka.faults()
        let topic = try await kafka.topic()
        let group = "group-\(topic)"
        try mock.setCoordinator(of: group, 3)
        try mock.takeDown(3)
        for partition in Int32(0)..<4 { try mock.setLeader(topic.name, partition, 1) }
        let topics = try KafkaTopics(kafka.configuration, timeout: .seconds(1), logger: .silent)
        for _ in 0..<3 {
            let error = await #expect(throws: KafkaError.self) {
                _ = try await topics.backlog(of: topic, group: group)
            }
            #expect(error?.disposition == .retry())
        }
        try mock.bringUp(3)
        if asksOn {
            try await eventually("an answer") { (try? await topics.backlog(of: topic, group: group))?.count == 4 }
        } else {
            try await Task.sleep(for: .seconds(2))
        }
        await topics.close()
    }

    @Test func refusesWhatKafkaHasNotGot() async throws {
        let kafka = try KafkaUnderTest()
        let topics = try KafkaTopics(kafka.configuration, logger: .silent)
        await #expect(throws: KafkaError.self) {
            try await topics.create("not a name", partitions: 1, replication: nil, retention: nil)
        }
        await #expect(throws: ConfigurationError.self) {
            try await topics.create("t", partitions: 0, replication: nil, retention: nil)
        }
        await #expect(throws: ConfigurationError.self) {
            try await topics.create("t", partitions: 1, replication: 0, retention: nil)
        }
        await topics.close()
    }

    @Test func answersNothingAfterItWasClosed() async throws {
        let kafka = try KafkaUnderTest()
        let topics = try KafkaTopics(kafka.configuration, logger: .silent)
        await topics.close()
        await topics.close()
        let error = await #expect(throws: KafkaError.self) { _ = try await topics.backlog(of: "t", group: "g") }
        #expect(error?.code == .closed)
    }

    @Test(arguments: [true, false]) func noCallWaitsForAnUnreachableClusterForLong(_ closes: Bool) async throws {
        let kafka = try KafkaUnderTest()
        try kafka.faults().takeDown()
        let topics = try KafkaTopics(kafka.configuration, timeout: .seconds(3_600), logger: .silent)
        let asking = Task { try await topics.backlog(of: "t", group: "g") }
        try await Task.sleep(for: .milliseconds(200))
        if closes { await topics.close() } else { asking.cancel() }
        let error = await #expect(throws: KafkaError.self) { try await asking.value }
        // Not because its time was over, which would take an hour.
        #expect(error?.code == .closed)
        await topics.close()
    }

    @Test func whoWaitsIsRefusedWhenItIsClosed() async throws {
        let kafka = try KafkaUnderTest()
        try kafka.faults().takeDown()
        let topics = try KafkaTopics(kafka.configuration, timeout: .seconds(1), logger: .silent)
        try await withThrowingDiscardingTaskGroup { group in
            for _ in 0..<10 {
                group.addTask {
                    await #expect(throws: KafkaError.self) { _ = try await topics.backlog(of: "t", group: "g") }
                }
            }
            group.addTask { await topics.close() }
        }
    }
}
