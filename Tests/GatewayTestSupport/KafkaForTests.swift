import Foundation
package import SluiceGateway
package import SluiceKafka
package import SluiceTestBrokers
import Testing

/// The cluster that gateways under test use, with topics and groups of the test's own: a mock one, or the real one that
/// `SLUICE_TEST_KAFKA=host:port` names.
package struct KafkaForTests: Sendable {
    /// Nil on a real cluster.
    package let mock: MockCluster?
    /// What stands in front of the mock cluster where groups are to behave as Kafka's.
    package let groups: GroupCluster?
    private let brokers: [String]
    private let name = "gateway-\(String(UInt64.random(in: .min ... .max), radix: 36))"

    /// Whether the cluster is the real one.
    package static let isReal = !(ProcessInfo.processInfo.environment["SLUICE_TEST_KAFKA"] ?? "").isEmpty

    /// - Parameter realGroups: whether the mock cluster's groups behave as Kafka's do (``GroupCluster``). Its own refuse
    ///   commits while members join, and turn away who comes late: then more comes again than was in flight, however
    ///   correct a member is.
    package init(realGroups: Bool = false) throws {
        let real = ProcessInfo.processInfo.environment["SLUICE_TEST_KAFKA"] ?? ""
        if real.isEmpty, realGroups {
            let cluster = try GroupCluster()
            groups = cluster
            mock = cluster.mock
            brokers = cluster.bootstrap
        } else if real.isEmpty {
            groups = nil
            let mock = try MockCluster()
            self.mock = mock
            brokers = mock.bootstrap
        } else {
            (mock, groups) = (nil, nil)
            brokers = real.split(separator: ",").map(String.init)
        }
    }

    /// The mock cluster, for tests of faults, which are skipped visibly on a real cluster.
    package func faults() throws -> MockCluster {
        guard let mock else { try Test.cancel("faults are injected into a mock cluster only") }
        return mock
    }

    package var topic: String { name }

    /// The program's variables.
    package var environment: [String: String] {
        [
            "KAFKA_BROKERS": brokers.joined(separator: ","), "KAFKA_TOPIC": name, "KAFKA_GROUP": name,
            "KAFKA_PARTITIONS": "4", "KAFKA_PROPERTIES": properties.map { "\($0)=\($1)" }.joined(separator: ","),
        ]
    }

    package var client: KafkaConfiguration {
        var client = KafkaConfiguration(brokers: brokers)
        client.properties = properties
        return client
    }

    /// For a gateway in this process.
    /// - Parameter commitInterval: how often what is settled is committed while no partition moves.
    package func use(in configuration: inout GatewayConfiguration, commitInterval: Duration = .seconds(1)) {
        var kafka = GatewayConfiguration.Kafka(client)
        kafka.topic = name
        kafka.group = name
        kafka.partitions = 4
        kafka.commitInterval = commitInterval
        configuration.kafka = kafka
    }

    /// Sessions as short as the brokers allow: a mock group waits 3 s for its first members, and a session that ended just
    /// then on a busy machine would leave a member without an answer. The mock cluster answers an empty fetch no earlier
    /// than told, even when something is published meanwhile; asking more often takes the processor from other tests.
    private var properties: [String: String] {
        mock == nil
            ? ["session.timeout.ms": "6000", "heartbeat.interval.ms": "500"]
            : [
                "fetch.wait.max.ms": "50", "reconnect.backoff.ms": "20", "reconnect.backoff.max.ms": "200",
                // A busy machine keeps a member from being heard of for seconds.
                "session.timeout.ms": groups == nil ? "3500" : "30000", "heartbeat.interval.ms": "500",
            ]
    }
}
