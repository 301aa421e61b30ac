import Foundation
import Sluice
import SluiceKafka
import SluiceTestBrokers
import Testing

/// The cluster that tests talk to: a mock one of their own, or the real one that `SLUICE_TEST_KAFKA=host:port` names.
struct KafkaUnderTest {
    /// Nil on a real cluster: a test that injects faults asks for it with ``faults()``.
    let mock: MockCluster?
    /// What stands in front of the mock cluster where groups are to behave as Kafka's.
    let groups: GroupCluster?
    /// For publishers and subscribers of the test.
    var configuration: KafkaConfiguration

    static let realBrokers = ProcessInfo.processInfo.environment["SLUICE_TEST_KAFKA"].flatMap {
        $0.isEmpty ? nil : $0.split(separator: ",").map(String.init)
    }

    /// - Parameter realGroups: whether the mock cluster's groups behave as Kafka's do (``GroupCluster``). Its own let
    ///   seconds pass at each change, end sessions of 3.5 s that a busy machine does not hear of in time, and turn away
    ///   who comes late.
    init(brokers: Int = 3, realGroups: Bool = false) throws {
        if let real = Self.realBrokers {
            (mock, groups) = (nil, nil)
            configuration = KafkaConfiguration(brokers: real)
        } else {
            let groups = realGroups ? try GroupCluster(brokers: brokers) : nil
            let mock = try groups?.mock ?? MockCluster(brokers: brokers)
            (self.mock, self.groups) = (mock, groups)
            configuration = KafkaConfiguration(brokers: groups?.bootstrap ?? mock.bootstrap)
            // The mock cluster answers an empty fetch no earlier, even when something is published meanwhile; asking more
            // often takes the processor from the tests beside.
            configuration.properties["fetch.wait.max.ms"] = "20"
            configuration.properties["reconnect.backoff.ms"] = "20"
            configuration.properties["reconnect.backoff.max.ms"] = "100"
        }
        configuration.clientID = "sluice-tests"
        configuration.statisticsInterval = .milliseconds(100)
    }

    /// The mock cluster, for tests of faults, which are skipped visibly on a real cluster.
    func faults() throws -> MockCluster {
        guard let mock else { try Test.cancel("faults are injected into a mock cluster only") }
        return mock
    }

    /// A topic of its own that every broker knows. A consumer that comes before its topic looks again only after half a
    /// minute, and whether brokers create one by themselves, and with how many partitions, is their configuration.
    func topic(_ hint: String = "test", partitions: Int32 = 4) async throws -> Topic {
        let topic = uniqueTopic(hint)
        if let mock {
            try mock.createTopic(topic.name, partitions: Int(partitions))
        } else {
            try await create(topic, partitions: partitions)
        }
        return topic
    }

    /// Creates the topic unless it is there. Its records are kept, however old they say they are.
    func create(_ topic: Topic, partitions: Int32 = 4) async throws {
        let topics = try KafkaTopics(configuration, timeout: .seconds(30), logger: .silent)
        try await topics.create(
            topic, partitions: partitions, replication: nil, retention: .seconds(10_000 * 86_400))
        await topics.close()
    }

    /// A name that no other test, run or process uses.
    func uniqueTopic(_ hint: String = "test") -> Topic {
        Topic("\(hint)-\(String(UInt64.random(in: .min ... .max), radix: 36))")
    }
}
