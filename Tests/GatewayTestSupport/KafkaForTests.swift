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
    private let brokers: [String]
    private let name = "gateway-\(String(UInt64.random(in: .min ... .max), radix: 36))"

    package init() throws {
        let real = ProcessInfo.processInfo.environment["SLUICE_TEST_KAFKA"] ?? ""
        if real.isEmpty {
            let mock = try MockCluster()
            self.mock = mock
            brokers = mock.bootstrap
        } else {
            mock = nil
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
    package func use(in configuration: inout GatewayConfiguration) {
        var kafka = GatewayConfiguration.Kafka(client)
        kafka.topic = name
        kafka.group = name
        kafka.partitions = 4
        configuration.kafka = kafka
    }

    /// Sessions as short as the brokers allow. The mock cluster answers an empty fetch no earlier than told, even when
    /// something is published meanwhile.
    private var properties: [String: String] {
        mock == nil
            ? ["session.timeout.ms": "6000", "heartbeat.interval.ms": "500"]
            : [
                "fetch.wait.max.ms": "5", "reconnect.backoff.ms": "20", "reconnect.backoff.max.ms": "200",
                "session.timeout.ms": "3000", "heartbeat.interval.ms": "500",
            ]
    }
}
