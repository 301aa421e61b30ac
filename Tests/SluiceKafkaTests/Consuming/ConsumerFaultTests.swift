import CRDKafka
import Logging
import Sluice
import SluiceTestBrokers
import SluiceTesting
import Synchronization
import Testing

@testable import SluiceKafka

/// Nothing is lost and nothing changes its order, whatever the cluster does.
@Suite(.timeLimit(.minutes(10)))
struct ConsumerFaultTests {
    /// Publishes `count` messages over some seconds while `trouble` is made, and expects all of them, each partition's
    /// in order.
    private func read(
        _ count: Int = 2_000, within limit: Duration = .seconds(90),
        during trouble: @escaping @Sendable (MockCluster, Topic) async throws -> Void
    ) async throws -> ReadingRoute.Journal {
        let kafka = try KafkaUnderTest()
        let mock = try kafka.faults()
        let topic = try await kafka.topic()
        let journal = ReadingRoute.Journal()
        let route = try ReadingRoute(try kafka.subscriber(kafka.uniqueGroup()), topic, journal: journal)
        try await route.run {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    let producer = try RawProducer(kafka.configuration)
                    for part in 0..<20 {
                        for number in 0..<(count / 20) {
                            let text = "\(part * (count / 20) + number)"
                            try producer.produce(Array(text.utf8), key: Array("\(number % 7)".utf8), to: topic)
                        }
                        try await Task.sleep(for: .milliseconds(100))
                    }
                    try producer.flush()
                }
                group.addTask { try await trouble(mock, topic) }
                try await group.waitForAll()
            }
            try await eventually("\(count) messages", within: limit) { journal.unique == count }
        }
        #expect(journal.outOfOrder == nil)
        return journal
    }

    @Test func requestsFail() async throws {
        let errors: [(MockCluster.Request, [rd_kafka_resp_err_t])] = [
            (.fetch, [RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR__TRANSPORT]),
            (.offsetCommit, [RD_KAFKA_RESP_ERR_NOT_COORDINATOR, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS]),
            (.offsetFetch, [RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, RD_KAFKA_RESP_ERR__TRANSPORT]),
            (.joinGroup, [RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE]),
            (.syncGroup, [RD_KAFKA_RESP_ERR_NOT_COORDINATOR]),
            (.heartbeat, [RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS]),
            (.findCoordinator, [RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE]),
            (.metadata, [RD_KAFKA_RESP_ERR__TRANSPORT]),
            (.listOffsets, [RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION]),
        ]
        _ = try await read { mock, _ in
            for _ in 0..<3 {
                for (request, codes) in errors { mock.fail(request, codes) }
                try await Task.sleep(for: .seconds(1))
            }
        }
    }

    @Test func brokersGoDownAndComeUp() async throws {
        _ = try await read { mock, _ in
            for round in 0..<4 {
                let broker: Int32 = round == 3 ? -1 : Int32(round % 3 + 1)
                try mock.takeDown(broker)
                try await Task.sleep(for: .milliseconds(400))
                try mock.bringUp(broker)
                try await Task.sleep(for: .milliseconds(400))
            }
        }
    }

    @Test func leadersChange() async throws {
        _ = try await read { mock, topic in
            for round in 0..<10 {
                for partition in 0..<Int32(4) {
                    try mock.setLeader(topic.name, partition, (partition + Int32(round)) % 3 + 1)
                }
                try await Task.sleep(for: .milliseconds(250))
            }
        }
    }

    @Test func everyAnswerTakes200Milliseconds() async throws {
        let journal = try await read { mock, _ in try mock.setRoundTrip(milliseconds: 200) }
        #expect(journal.count == journal.unique)
    }

    /// Brokers that allow less metadata than Kafka's default get less, and the offsets all the same.
    @Test func commitsWithoutMetadataWhereItIsTooLong() async throws {
        let kafka = try KafkaUnderTest(brokers: 1)
        let mock = try kafka.faults()
        let (topic, group) = (try await kafka.topic(), kafka.uniqueGroup())
        try RawProducer(kafka.configuration).produce(texts: (0..<10).map(String.init), partition: 0, to: topic)
        mock.fail(.offsetCommit, Array(repeating: RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE, count: 8))
        let subscriber = try kafka.subscriber(group)
        let deliveries = try await subscriber.subscribe(to: topic).receive(10)
        for index in [0, 1, 2, 5] { deliveries[index].acknowledge() }
        let topics = try KafkaTopics(kafka.configuration, logger: .silent)
        try await eventually("the commit") {
            try await topics.backlog(of: topic, group: group)[0] == 7
        }
        await topics.close()
        await subscriber.crash()
        // What was settled beyond the prefix is not remembered.
        let next = try kafka.subscriber(group)
        #expect(try await next.subscribe(to: topic).receive(3).map(\.message.text) == ["3", "4", "5"])
        await next.close()
    }

    /// A fatal error is the end of librdkafka's client, not of the subscription.
    @Test func aClientThatFailsForGoodIsReplaced() async throws {
        let kafka = try KafkaUnderTest(brokers: 1)
        let mock = try kafka.faults()
        let topic = try await kafka.topic()
        let producer = try RawProducer(kafka.configuration)
        try producer.produce(texts: ["settled", "open"], partition: 0, to: topic)
        let log = LogRecorder()
        let subscriber = try kafka.subscriber(kafka.uniqueGroup(), logger: log.logger)
        let subscription = try await subscriber.subscribe(to: topic)
        let first = try await subscription.receive(2)
        first[0].acknowledge()
        let topics = try KafkaTopics(kafka.configuration, logger: .silent)
        try await eventually("the commit") {
            try await topics.backlog(of: topic, group: try #require(subscriber.group))[0] == 1
        }
        await topics.close()
        mock.fail(.heartbeat, [RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID])
        try await eventually("the end of the client") {
            log.lines.contains { $0.contains("another one replaces it") }
        }
        // It belongs to the client that is gone.
        first[1].acknowledge()
        try producer.produce(texts: ["new"], partition: 0, to: topic)
        let again = try await subscription.receive(2)
        #expect(again.map(\.message.text) == ["open", "new"])
        #expect(again.map(\.origin.redelivered) == [true, false])
        // The one that took over is sound.
        #expect(log.lines.count { $0.contains("another one replaces it") } == 1)
        await subscriber.close()
    }

    @Test func saysOnceThatItsTopicIsNotThereAndWaitsForIt() async throws {
        let kafka = try KafkaUnderTest(brokers: 1)
        let mock = try kafka.faults()
        let topic = try await kafka.topic()
        mock.setTopicError(topic.name, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        let log = LogRecorder()
        let subscriber = try kafka.subscriber(nil, logger: log.logger)
        let subscription = try await subscriber.subscribe(to: topic)
        func warnings() -> Int { log.lines.count { $0.contains("no such topic") } }
        try await eventually("a warning") { warnings() > 0 }
        // It asks four times a second.
        try await Task.sleep(for: .seconds(1))
        #expect(warnings() == 1)
        mock.setTopicError(topic.name, RD_KAFKA_RESP_ERR_NO_ERROR)
        try RawProducer(kafka.configuration).produce(texts: ["x"], partition: 0, to: topic)
        #expect(try await subscription.receive(1).map(\.message.text) == ["x"])
        await subscriber.close()
    }

    /// Where the log begins behind what was committed, reading goes on with what is left.
    @Test func goesOnWithTheOldestRecordWhereTheCommittedOnesAreGone() async throws {
        let kafka = try KafkaUnderTest(brokers: 1)
        _ = try kafka.faults()
        let (topic, group) = (try await kafka.topic(), kafka.uniqueGroup())
        let producer = try RawProducer(kafka.configuration)
        // A mock partition keeps 5 MiB.
        for _ in 0..<20 {
            for _ in 0..<5 { try producer.produce([UInt8](repeating: 0, count: 100_000), partition: 0, to: topic) }
            try producer.flush()
        }
        try RawConsumer(kafka, topic, group: group).commit([0: 1])
        let subscriber = try kafka.subscriber(group)
        let first = try await subscriber.subscribe(to: topic).receive(1)[0]
        #expect(try #require(first.origin.offset) > 1)
        await subscriber.close()
    }

    /// A session that expired while the cluster was away loses its partitions: what it still holds settles nothing.
    @Test func whatALostPartitionLeftBehindSettlesNothing() async throws {
        let kafka = try KafkaUnderTest(brokers: 1)
        let mock = try kafka.faults()
        let topic = try await kafka.topic()
        try RawProducer(kafka.configuration).produce(texts: (0..<10).map(String.init), partition: 0, to: topic)
        var options = KafkaUnderTest.quick
        options.commitInterval = .seconds(3_600)
        let log = LogRecorder()
        let subscriber = try kafka.subscriber(kafka.uniqueGroup(), options, logger: log.logger)
        let subscription = try await subscriber.subscribe(to: topic)
        let held = try await subscription.receive(4)
        try await eventually("a lag") { subscriber.lag(of: topic)?.partitions[0] != nil }
        // On a busy machine a connection may have been made twice before.
        func reconnects() -> Int { log.lines.count { $0.contains("connected to kafka again") } }
        let before = reconnects()
        try mock.takeDown()
        try await eventually("the loss of the partition") {
            subscriber.lag(of: topic)?.partitions[0] == nil
        }
        // The client notices by itself: no broker has answered.
        #expect(reconnects() == before)
        #expect(subscription.count == 0)
        for delivery in held { delivery.acknowledge() }
        try mock.bringUp()
        let again = try await subscription.receive(10)
        #expect(again.map(\.message.text) == (0..<10).map(String.init))
        await subscriber.close()
    }
}
