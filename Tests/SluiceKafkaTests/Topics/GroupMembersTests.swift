import Sluice
import SluiceTestBrokers
import SluiceTesting
import Testing

@testable import SluiceKafka

/// How many members a group has, as the brokers say.
@Suite(.timeLimit(.minutes(5)))
struct GroupMembersTests {
    @Test func aGroupsMembersAreCounted() async throws {
        let kafka = try KafkaUnderTest(realGroups: true)
        let topic = try await kafka.topic()
        let topics = try KafkaTopics(kafka.configuration, logger: .silent)
        let group = "counted-\(topic.name)"
        #expect(try await topics.members(of: group) == 0)
        var readers: [KafkaSubscriber] = []
        for count in 1...2 {
            let reader = try KafkaSubscriber(kafka.configuration, group: group, logger: .silent)
            _ = try await reader.subscribe(to: topic)
            readers.append(reader)
            try await eventually("\(count) members") { try await topics.members(of: group) == count }
        }
        for reader in readers { await reader.close() }
        try await eventually("they have left") { try await topics.members(of: group) == 0 }
        await topics.close()
    }

    /// The mock cluster answers no question about groups. Each of librdkafka's admin client would end the process.
    @Test func brokersThatDoNotSayLeaveItOpen() async throws {
        let mock = try MockCluster()
        let topics = try KafkaTopics(KafkaConfiguration(brokers: mock.bootstrap), logger: .silent)
        for _ in 0..<20 { #expect(try await topics.members(of: "any") == nil) }
        await #expect(throws: KafkaError.self) { _ = try await topics.delete(group: "any") }
        await topics.close()
    }

    @Test func brokersThatAreDownAreNotWaitedForLongerThanAllowed() async throws {
        let mock = try MockCluster()
        try mock.createTopic("t", partitions: 3)
        let topics = try KafkaTopics(
            KafkaConfiguration(brokers: mock.bootstrap), timeout: .seconds(1), logger: .silent)
        #expect(try await topics.partitionCount(of: "t") == 3)
        try mock.takeDown(1)
        try await eventually("it does not answer") {
            // What was under way when it went down may still be answered.
            do {
                _ = try await topics.members(of: "any")
                return false
            } catch {
                return error is KafkaError
            }
        }
        try mock.bringUp(1)
        try await eventually("it answers again") {
            // Until its client has connected anew, a question may end with the time that it has.
            (try? await topics.partitionCount(of: "t")) == 3
        }
        await topics.close()
    }
}
