import CRDKafka
import Sluice
import SluiceTestBrokers
import SluiceTesting
import Synchronization
import Testing

@testable import SluiceKafka

private struct Changed: Error {}

/// As far as the mock cluster goes: it shows aborted records that were sent, and keeps no transaction's offsets.
@Suite(.timeLimit(.minutes(10)))
struct TransactionTests {
    private func publisher(_ kafka: KafkaUnderTest, _ topic: Topic) throws -> KafkaPublisher {
        try KafkaPublisher(of: kafka) { $0.transactionalID = "tx-\(topic)" }
    }

    @Test func whatIsPublishedInsideIsCommittedTogether() async throws {
        let kafka = try KafkaUnderTest()
        let (one, two) = (try await kafka.topic(), try await kafka.topic())
        let publisher = try publisher(kafka, one)
        for round in 0..<3 {
            let result = try await publisher.transaction { transaction in
                try await transaction.publish([Message(payload: Array("a\(round)".utf8))], to: one)
                try await transaction.publish([Message(payload: Array("b\(round)".utf8))], to: two)
                return round
            }
            #expect(result == round)
        }
        await publisher.close()
        #expect(try await RawConsumer(kafka, one).read(3).texts == ["a0", "a1", "a2"])
        #expect(try await RawConsumer(kafka, two).read(3).texts == ["b0", "b1", "b2"])
    }

    @Test func aPublishByItselfIsATransaction() async throws {
        let kafka = try KafkaUnderTest()
        let topic = try await kafka.topic()
        let publisher = try publisher(kafka, topic)
        try await withThrowingDiscardingTaskGroup { group in
            for number in 0..<20 { group.addTask { try await publisher.publish(["\(number)"], to: topic) } }
        }
        await publisher.close()
        #expect(try await RawConsumer(kafka, topic).read(20).texts == Set((0..<20).map(String.init)))
    }

    @Test func anErrorInsideAbortsIt() async throws {
        let kafka = try KafkaUnderTest()
        let topic = try await kafka.topic()
        let publisher = try publisher(kafka, topic)
        await #expect(throws: Changed.self) {
            try await publisher.transaction { transaction in
                try await transaction.publish([Message(payload: Array("aborted".utf8))], to: topic)
                throw Changed()
            }
        }
        try await publisher.publish(["committed"], to: topic)
        await publisher.close()
        let records = try await RawConsumer(kafka, topic).read { $0.texts.contains("committed") }
        if kafka.mock == nil { #expect(records.texts == ["committed"]) }
    }

    /// What no broker has yet is dropped by an abort, and would be sent by a commit.
    @Test func anAbortTakesBackWhatIsOnItsWay() async throws {
        let kafka = try KafkaUnderTest()
        let topic = try await kafka.topic()
        let publisher = try KafkaPublisher(of: kafka) {
            $0.transactionalID = "tx-\(topic)"
            $0.linger = .seconds(2)
        }
        let publishing = Mutex<Task<Void, any Error>?>(nil)
        await #expect(throws: Changed.self) {
            try await publisher.transaction { transaction in
                let task = Task {
                    try await transaction.publish([Message(payload: Array("aborted".utf8))], to: topic)
                }
                publishing.withLock { $0 = task }
                try await eventually("a message in the queue") { publisher.statistics?.queuedMessages == 1 }
                throw Changed()
            }
        }
        let begun = publishing.withLock { $0 }
        let task = try #require(begun)
        await #expect(throws: (any Error).self) { try await task.value }
        try await publisher.publish(["committed"], to: topic)
        await publisher.close()
        let records = try await RawConsumer(kafka, topic).read { $0.texts.contains("committed") }
        #expect(records.texts == ["committed"])
    }

    @Test func aFailedPublishAbortsItEvenIfItsErrorIsIgnored() async throws {
        let kafka = try KafkaUnderTest()
        let topic = try await kafka.topic()
        let publisher = try publisher(kafka, topic)
        let small = Message(payload: [1])
        let large = Message(payload: [UInt8](repeating: 0, count: 2_000_000))
        await #expect(throws: PublishError.self) {
            try await publisher.transaction { transaction in
                try? await transaction.publish([large], to: topic)
            }
        }
        // By itself: the small one is aborted with the large one, and so was not accepted either.
        let error = await #expect(throws: PublishError.self) { try await publisher.publish([small, large], to: topic) }
        #expect(error?.notAccepted == [small.id, large.id])
        #expect(error?.disposition.isPermanent == true)
        try await publisher.publish(["fine"], to: topic)
        await publisher.close()
    }

    @Test func commitsWhatAGroupHasRead() async throws {
        let kafka = try KafkaUnderTest()
        let (from, to) = (try await kafka.topic(), try await kafka.topic())
        let group = "group-\(from)"
        let source = try KafkaPublisher(of: kafka)
        try await source.publish(["x"], to: from)
        await source.close()
        let consumer = try RawConsumer(kafka, from, group: group)
        let record = try #require(try await consumer.read(1).first)
        let publisher = try publisher(kafka, to)
        try await publisher.transaction { transaction in
            try await transaction.publish([Message(payload: record.value ?? [])], to: to)
            transaction.commit(
                [KafkaPosition(from, partition: record.partition, next: record.offset + 1)],
                of: try consumer.groupMetadata)
        }
        await publisher.close()
        #expect(try await RawConsumer(kafka, to).read(1).texts == ["x"])
        if kafka.mock == nil {
            let topics = try KafkaTopics(kafka.configuration, logger: .silent)
            // The coordinator tells of the commit a moment after it was agreed on.
            try await eventually("the group's place") {
                try await topics.backlog(of: from, group: group).values.allSatisfy { $0 == 0 }
            }
            await topics.close()
        }
    }

    @Test func brokersMayFailInside() async throws {
        let kafka = try KafkaUnderTest()
        let mock = try kafka.faults()
        let topic = try await kafka.topic()
        let publisher = try publisher(kafka, topic)
        mock.fail(.initProducerID, [RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS])
        mock.fail(.addPartitionsToTransaction, [RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS])
        mock.fail(.endTransaction, [RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE])
        try await publisher.publish(["x"], to: topic)
        await publisher.close()
        #expect(try await RawConsumer(kafka, topic).read(1).texts == ["x"])
    }

    @Test func aProducerThatIsFencedOffIsReplaced() async throws {
        let kafka = try KafkaUnderTest()
        let mock = try kafka.faults()
        let topic = try await kafka.topic()
        let publisher = try publisher(kafka, topic)
        try await publisher.publish(["before"], to: topic)
        mock.fail(.endTransaction, [RD_KAFKA_RESP_ERR_PRODUCER_FENCED])
        await #expect(throws: (any Error).self) { try await publisher.publish(["fenced"], to: topic) }
        try await eventually("a new producer") {
            (try? await publisher.publish(["after"], to: topic)) != nil
        }
        await publisher.close()
        try await RawConsumer(kafka, topic).read { $0.texts.isSuperset(of: ["before", "after"]) }
    }

    @Test func anUnreachableClusterEndsTheAttemptInTime() async throws {
        let kafka = try KafkaUnderTest()
        try kafka.faults().takeDown()
        let publisher = try KafkaPublisher(of: kafka) {
            $0.transactionalID = "tx"
            $0.transactionTimeout = .seconds(1)
            $0.deliveryTimeout = .seconds(1)
        }
        await #expect(throws: KafkaError.self) { try await publisher.publish(["x"], to: "t") }
        try kafka.faults().bringUp()
        try await eventually("a transaction") {
            (try? await publisher.publish(["y"], to: "t")) != nil
        }
        await publisher.close()
    }

    @Test func needAnId() async throws {
        let kafka = try KafkaUnderTest()
        let publisher = try KafkaPublisher(of: kafka)
        await #expect(throws: ConfigurationError.self) { try await publisher.transaction { _ in } }
        await publisher.close()
    }

    @Test func endWithThePublisher() async throws {
        let kafka = try KafkaUnderTest()
        let topic = try await kafka.topic()
        let publisher = try publisher(kafka, topic)
        let transaction = try await publisher.transaction { $0 }
        await #expect(throws: ClosedError.self) { try await transaction.publish([Message(payload: [])], to: topic) }
        await publisher.close()
        await #expect(throws: ClosedError.self) { try await publisher.transaction { _ in } }
    }
}
