import GatewayTestSupport
import SluiceTesting
import Testing

/// What keeps the events of gateways that run by a file: the embedded log, or Kafka.
struct QueueUnderTest: Sendable {
    enum Kind: String, CaseIterable, CustomTestStringConvertible {
        case log, kafka

        var testDescription: String { rawValue }
    }

    /// The section of a file, which takes everything from the environment.
    let section: String
    /// What it takes from there, and what a gateway without a file runs by.
    let environment: [String: String]
    /// The cluster lives as long as this.
    private let kafka: KafkaForTests?

    /// - Parameter realGroups: see ``KafkaForTests``.
    init(_ kind: Kind, realGroups: Bool = true) throws {
        switch kind {
        case .log: (section, environment, kafka) = ("queue: {kind: log}\n", [:], nil)
        case .kafka:
            let kafka = try KafkaForTests(realGroups: realGroups)
            self.kafka = kafka
            environment = kafka.environment
            section = """
                queue:
                  kind: kafka
                  brokers: ${KAFKA_BROKERS}
                  topic: ${KAFKA_TOPIC}
                  group: ${KAFKA_GROUP}
                  partitions: ${KAFKA_PARTITIONS}
                  properties: ${KAFKA_PROPERTIES}

                """
        }
    }
}

extension FileGateway {
    /// How many messages wait for a group.
    func waiting(for group: String) async throws -> Double {
        try await client.metrics().samples
            .filter { $0.name == "sluice_consumer_lag_messages" && $0["handler_name"] == group }
            .reduce(0) { $0 + $1.value }
    }
}
