import Sluice
import SluiceTestBrokers
import SluiceTesting
import Testing

@testable import SluiceKafka

/// What topics are made of, at a broker with administration, which the mock cluster has not.
@Suite(.timeLimit(.minutes(10)))
struct TopicPlanTests {
    private func settings(_ plan: KafkaTopicPlan) -> [String: String] {
        Dictionary(uniqueKeysWithValues: plan.settings.map { ($0.name, $0.value) })
    }

    @Test func statesEverything() {
        let forEver = settings(KafkaTopicPlan("t", partitions: 6, replication: nil, retention: nil))
        #expect(
            forEver == [
                "cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1", "segment.ms": "604800000",
                "max.message.bytes": "1048588",
            ])
        let bounded = settings(
            KafkaTopicPlan("t", partitions: 4, replication: 3, retention: nil, bytes: 1 << 30, largestMessage: 5 << 20))
        #expect(bounded["retention.bytes"] == "268435456" && bounded["segment.bytes"] == "67108864")
        #expect(bounded["max.message.bytes"] == "5242880")
    }

    /// A message is deleted with its segment: as late as that is long.
    @Test(arguments: [864, 3_600, 86_400, 7 * 86_400, 30 * 86_400, 36_500 * 86_400] as [Int64])
    func aSegmentIsShorterThanTheRetention(seconds: Int64) throws {
        let plan = settings(KafkaTopicPlan("t", partitions: 1, replication: nil, retention: .seconds(seconds)))
        #expect(plan["retention.ms"] == "\(seconds * 1_000)")
        let segment = try #require(plan["segment.ms"].flatMap { Int64($0) })
        #expect(segment <= seconds * 1_000 / 8 && segment <= 604_800_000 && segment >= 60_000)
    }

    @Test func isMadeAsItIsStatedAndNeverAltered() async throws {
        let broker = try ScriptedBroker()
        let topics = try KafkaTopics(KafkaConfiguration(brokers: [broker.address]), logger: .silent)
        let plan = KafkaTopicPlan("t", partitions: 3, replication: 1, retention: .seconds(86_400))
        #expect(try await topics.describe("t") == nil)
        for _ in 0..<2 { try await topics.create(plan) }
        #expect(broker.created.map(\.name) == ["t"])
        #expect(broker.topics["t"]?.partitions == 3)
        #expect(broker.created.first?.topic.settings == settings(plan))
        let found = try #require(try await topics.describe("t"))
        #expect(found.partitions == 3 && found.replicas == 1 && found.drift(from: plan).isEmpty)
        await topics.close()
        #expect(!broker.autoCreations.isEmpty && !broker.autoCreations.contains(true))
    }

    @Test func tellsHowATopicDiffers() async throws {
        let broker = try ScriptedBroker(topics: ["t": .init(partitions: 1)])
        let topics = try KafkaTopics(KafkaConfiguration(brokers: [broker.address]), logger: .silent)
        let plan = KafkaTopicPlan("t", partitions: 3, replication: nil, retention: nil)
        let found = try #require(try await topics.describe("t"))
        // The brokers' 7 days are not for ever.
        #expect(
            found.drift(from: plan) == [
                .init(name: "partitions", found: "1", stated: "3"),
                .init(name: "retention.ms", found: "604800000", stated: "-1"),
            ])
        broker.alter("t", "cleanup.policy", "compact")
        broker.alter("t", "segment.ms", "3600000")
        broker.alter("t", "max.message.bytes", "1000")
        let again = try #require(try await topics.describe("t")).drift(from: plan)
        #expect(again.map(\.name) == ["partitions", "cleanup.policy", "retention.ms", "max.message.bytes"])
        await topics.close()
    }

    /// Looking for partitions is what a producer does first, and would make the topic as the brokers are configured.
    @Test(arguments: [true, false])
    func aPublisherMakesATopicOnlyWhereItIsToldTo(creates: Bool) async throws {
        let broker = try ScriptedBroker()
        var options = KafkaPublisher.Configuration()
        options.createsMissingTopics = creates
        options.deliveryTimeout = .seconds(1)
        let publisher = try KafkaPublisher(
            KafkaConfiguration(brokers: [broker.address]), configuration: options, logger: .silent)
        await #expect(throws: PublishError.self) { try await publisher.publish(["x"], to: "t") }
        await publisher.close()
        #expect(!broker.autoCreations.isEmpty && broker.autoCreations.allSatisfy { $0 == creates })
    }
}
