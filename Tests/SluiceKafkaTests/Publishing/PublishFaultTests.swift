import CRDKafka
import Sluice
import SluiceTestBrokers
import SluiceTesting
import Synchronization
import Testing

@testable import SluiceKafka

/// Keys that are published to one after the other, each by a task of its own, until told to stop.
private final class Load: Sendable {
    private let publisher: KafkaPublisher
    private let topic: Topic
    private let isOver = Atomic<Bool>(false)
    private let counts: Mutex<[Int]>

    init(_ publisher: KafkaPublisher, _ topic: Topic, keys: Int) {
        self.publisher = publisher
        self.topic = topic
        counts = Mutex(Array(repeating: 0, count: keys))
    }

    var published: Int { counts.withLock { $0.reduce(0, +) } }

    /// Publishes while `faults` runs; a batch that fails is published again, as a route would.
    func run(while faults: () async throws -> Void) async throws {
        try await withThrowingDiscardingTaskGroup { group in
            for key in counts.withLock(\.indices) { group.addTask { try await self.publish(key) } }
            defer { isOver.store(true, ordering: .relaxed) }
            try await faults()
        }
    }

    private func publish(_ key: Int) async throws {
        while !isOver.load(ordering: .relaxed) {
            let first = counts.withLock { $0[key] }
            try await publisher.publish((first..<first + 5).map { Message(key: "\(key)", "\(key):\($0)") }, to: topic)
            counts.withLock { $0[key] += 5 }
        }
    }

    /// Waits for more of the load to be published, whatever happens to the cluster.
    func progress(_ messages: Int) async throws {
        let goal = published + messages
        try await eventually("\(messages) more published messages") { published >= goal }
    }

    /// Everything is in the log, and each key in order.
    func verify(_ kafka: KafkaUnderTest) async throws {
        let expected = Set(
            counts.withLock(\.self).enumerated().flatMap { key, count in (0..<count).map { "\(key):\($0)" } })
        let reader = try RawConsumer(kafka, topic)
        do {
            try await reader.read(within: .seconds(60)) { $0.texts.isSuperset(of: expected) }
        } catch {
            let missing = expected.subtracting(reader.records.texts).sorted()
            Issue.record("missing \(missing.count) of \(expected.count): \(missing.prefix(100))")
        }
        let byKey = reader.records.textsByKey
        for (key, count) in counts.withLock(\.self).enumerated() {
            #expect(byKey["\(key)"] == (0..<count).map { "\(key):\($0)" })
        }
    }
}

@Suite(.timeLimit(.minutes(10)))
struct PublishFaultTests {
    @Test func brokersThatGoDownAndComeBackLoseNothing() async throws {
        let kafka = try KafkaUnderTest()
        let mock = try kafka.faults()
        let topic = try await kafka.topic()
        let publisher = try KafkaPublisher(of: kafka, key: .metadata("key"))
        let load = Load(publisher, topic, keys: 10)
        try await load.run {
            try await load.progress(200)
            for broker in [1, 2, 3, -1] as [Int32] {
                try mock.takeDown(broker)
                try await Task.sleep(for: .milliseconds(300))
                try mock.bringUp(broker)
                try await load.progress(200)
            }
        }
        await publisher.close()
        try await load.verify(kafka)
    }

    @Test func leadersMayChange() async throws {
        let kafka = try KafkaUnderTest()
        let mock = try kafka.faults()
        let topic = try await kafka.topic()
        let publisher = try KafkaPublisher(of: kafka, key: .metadata("key"))
        let load = Load(publisher, topic, keys: 10)
        try await load.run {
            for round in 0..<8 {
                for partition in 0..<4 as Range<Int32> {
                    // Now and then a partition has no leader for a while.
                    try mock.setLeader(topic.name, partition, round == 3 ? -1 : (partition + Int32(round)) % 3 + 1)
                }
                if round == 3 { try await Task.sleep(for: .milliseconds(300)) } else { try await load.progress(100) }
            }
        }
        await publisher.close()
        try await load.verify(kafka)
    }

    @Test func requestsMayFail() async throws {
        var kafka = try KafkaUnderTest()
        let mock = try kafka.faults()
        // The mock cluster takes a request behind one that it refused, which real brokers do not.
        kafka.configuration.properties["max.in.flight"] = "1"
        let topic = try await kafka.topic()
        let publisher = try KafkaPublisher(of: kafka, key: .metadata("key"))
        let load = Load(publisher, topic, keys: 10)
        try await load.run {
            for _ in 0..<5 {
                mock.fail(
                    .produce,
                    [
                        RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR__TRANSPORT,
                        RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
                        RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
                    ])
                mock.fail(.metadata, [RD_KAFKA_RESP_ERR__TRANSPORT])
                try await load.progress(100)
            }
        }
        await publisher.close()
        try await load.verify(kafka)
    }

    @Test func theProducersIdMayTakeSomeAttempts() async throws {
        let kafka = try KafkaUnderTest()
        let mock = try kafka.faults()
        mock.fail(
            .initProducerID,
            [RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, RD_KAFKA_RESP_ERR__TRANSPORT])
        let topic = try await kafka.topic()
        let publisher = try KafkaPublisher(of: kafka)
        try await publisher.publish(["x"], to: topic)
        await publisher.close()
        #expect(try await RawConsumer(kafka, topic).read(1).texts == ["x"])
    }

    @Test func slowRoundTripsLoseNoOrder() async throws {
        let kafka = try KafkaUnderTest()
        let mock = try kafka.faults()
        let topic = try await kafka.topic()
        let publisher = try KafkaPublisher(of: kafka, key: .metadata("key"))
        let load = Load(publisher, topic, keys: 10)
        try mock.setRoundTrip(milliseconds: 200)
        try await load.run {
            try await load.progress(200)
            // Requests are under way when their connections go.
            try mock.takeDown()
            try await Task.sleep(for: .milliseconds(200))
            try mock.bringUp()
            try await load.progress(200)
        }
        await publisher.close()
        try mock.setRoundTrip(milliseconds: 0)
        try await load.verify(kafka)
    }

    @Test func aClusterThatRefusesTheProducerIsNotHammered() async throws {
        let kafka = try KafkaUnderTest()
        let mock = try kafka.faults()
        let refusals = [rd_kafka_resp_err_t](repeating: RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, count: 100)
        mock.fail(.initProducerID, refusals)
        let publisher = try KafkaPublisher(of: kafka)
        let error = await #expect(throws: (any Error).self) { try await publisher.publish(["x"], to: "t") }
        // A producer that was refused before the publish came refuses that with the broker's own error.
        let refusal = (error as? PublishError)?.underlying ?? error
        #expect((refusal as? KafkaError)?.code.rawValue == 31)
        guard case .hold = error.map(Disposition.init(of:))?.kind else {
            Issue.record("not held: \(String(describing: error))")
            return
        }
        mock.stopFailing(.initProducerID)
        try await eventually("a producer that is let in") {
            (try? await publisher.publish(["x"], to: "t")) != nil
        }
        await publisher.close()
    }
}
