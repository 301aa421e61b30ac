import Sluice
public import SluiceKafka

extension GatewayConfiguration {
    /// Kafka as the queue in the middle.
    public struct Kafka: Sendable {
        /// The cluster.
        public var client: KafkaConfiguration
        /// Where events go. What cannot be delivered goes to the topic of this name and `-poison`, facts to the one
        /// with `-facts`, jobs to the one with `-redrive`. Default `events`.
        public var topic = "events"
        /// What the names of the consumer groups begin with: gateways of one name share the work. Default `sluice`.
        public var group = "sluice"
        /// Of topics that are created. Default 6.
        public var partitions: Int32 = 6
        /// Of topics that are created; nil leaves it to the brokers. Default nil.
        public var replication: Int16?

        /// Whether topics that are missing are created. Default true.
        public var createsTopics = true

        /// How often settled offsets are committed. Default 1 s.
        package var commitInterval: Duration = .seconds(1)

        /// What says that topics are not created, as it would be written.
        var leavesTopics = "KAFKA_CREATE_TOPICS=false"

        public init(_ client: KafkaConfiguration) {
            self.client = client
        }
    }
}

extension GatewayConfiguration.Kafka {
    /// The consumer group in which the gateways read for a route.
    func group(of route: String) -> String { "\(group)-\(route)" }

    /// The setting that keeps topics from being created; nil where they are.
    var leftTopics: String? { createsTopics ? nil : leavesTopics }

    /// The topic of facts, without which the queue can do.
    var factsTopic: Topic { Topic("\(topic)-facts") }

    /// That topic as it shall be.
    func factsPlan(retention: Duration) -> KafkaTopicPlan { plan(factsTopic.name, retention, bytes: nil) }

    /// The topics as they shall be.
    /// - Parameters:
    ///   - retention: of events; nil keeps them for ever. What was poisoned waits for a person.
    ///   - poisonBytes: how much is kept of what cannot be delivered, as in the embedded log: the newest.
    func plans(retention: Duration?, poisonBytes: Int64) -> [KafkaTopicPlan] {
        [plan(topic, retention, bytes: nil), plan("\(topic)-poison", nil, bytes: poisonBytes)]
    }

    private func plan(_ topic: String, _ retention: Duration?, bytes: Int64?) -> KafkaTopicPlan {
        // What a producer sends has to fit, with what it adds to the batch.
        let largest = (client.properties["message.max.bytes"].flatMap { Int($0) } ?? 0).addingReportingOverflow(65_536)
        return KafkaTopicPlan(
            Topic(topic), partitions: partitions, replication: replication, retention: retention, bytes: bytes,
            largestMessage: largest.overflow ? 0 : largest.partialValue)
    }
}
