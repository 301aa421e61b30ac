import Foundation
import GatewayTestSupport
import SluicePrometheus
import SluiceTestBrokers
import SluiceTesting
import Testing

@testable import SluiceGateway

extension EndToEnd {
    /// Who makes Kafka's topics, and of what, at a broker that knows nothing but administration.
    struct KafkaTopicTests {
        private func environment(_ broker: ScriptedBroker, _ more: [String: String] = [:]) -> [String: String] {
            ["KAFKA_BROKERS": broker.address, "KAFKA_PARTITIONS": "2", "KAFKA_REPLICATION": "1"].merging(more) { $1 }
        }

        @Test(.timeLimit(.minutes(10)))
        func topicsAreMadeAsStatedAndAgainWhenTheyAreDeleted() async throws {
            let broker = try ScriptedBroker()
            let process = try SluiceProcess(
                environment(broker, ["EVENT_RETENTION": "8", "POISON_RETENTION_BYTES": "512MiB"]),
                in: try TemporaryDirectory())
            let client = try await process.listeningClient()
            try await eventually("all topics") { broker.topics.count == 5 }
            let events = try #require(broker.topics["events"])
            #expect(events.partitions == 2 && events.settings["retention.ms"] == "691200000")
            #expect(events.settings["segment.ms"] == "86400000" && events.settings["cleanup.policy"] == "delete")
            let poison = try #require(broker.topics["events-poison"])
            #expect(poison.settings["retention.ms"] == "-1" && poison.settings["retention.bytes"] == "268435456")
            // What steers: of each key the newest record stays.
            let control = try #require(broker.topics["events-control"])
            #expect(control.partitions == 1 && control.settings["cleanup.policy"] == "compact")
            let jobs = try #require(broker.topics["events-redrive"])
            #expect(jobs.partitions == 1 && jobs.settings["cleanup.policy"] == "compact")
            broker.delete("events")
            try await eventually("the topic again") { broker.created.count == 6 }
            #expect(broker.created.last?.name == "events" && broker.topics["events"] == events)
            // Neither producers nor consumers let the broker make one.
            #expect(!broker.autoCreations.contains(true))
            let ready = try await client.ready()
            #expect(!ready.text.contains("is stated"))
            process.signal(SIGTERM)
            try await process.exitStatus()
        }

        /// It would have the broker's settings, not what is stated.
        @Test(.timeLimit(.minutes(10)))
        func publishLetsNoBrokerMakeATopic() async throws {
            let broker = try ScriptedBroker()
            let process = try SluiceProcess(
                [:], ["publish", "--to", "kafka://\(broker.address)", "events"], in: try TemporaryDirectory())
            #expect(try await process.exitStatus() == 1)
            #expect(process.errors.contains("the brokers have no topic events"), "\(process.errors)")
            #expect(broker.created.isEmpty && !broker.autoCreations.contains(true))
        }

        @Test(.timeLimit(.minutes(10)))
        func aTopicThatExistsIsLeftAsItIsAndNoted() async throws {
            let broker = try ScriptedBroker(topics: [
                "events": .init(partitions: 1), "events-poison": .init(partitions: 2, settings: ["retention.ms": "-1"]),
                "events-control": .init(partitions: 1), "events-facts": .init(partitions: 2),
                "events-redrive": .init(partitions: 1),
            ])
            let process = try SluiceProcess(environment(broker), in: try TemporaryDirectory())
            let client = try await process.listeningClient()
            try await eventually("the note") {
                try await client.ready().text.contains(
                    "the topic events has retention.ms=604800000, and -1 is stated")
            }
            let text = try await client.ready().text
            #expect(text.contains("the topic events has partitions=1, and 2 is stated"))
            try await eventually("the note of what steers") {
                try await client.ready().text.contains(
                    "the topic events-control has cleanup.policy=delete, and compact is stated")
            }
            let metrics = try await client.metrics()
            let name = "sluice_kafka_topic_drift"
            #expect(metrics.value(name, ["topic": "events", "setting": "retention.ms"]) == 1)
            #expect(metrics.value(name, ["topic": "events", "setting": "cleanup.policy"]) == 0)
            #expect(broker.created.isEmpty)
            process.signal(SIGTERM)
            try await process.exitStatus()
        }

        @Test(.timeLimit(.minutes(10)))
        func withoutCreationMissingTopicsAreNamedWithTheCommand() async throws {
            let broker = try ScriptedBroker()
            let process = try SluiceProcess(
                environment(broker, ["KAFKA_CREATE_TOPICS": "false"]), in: try TemporaryDirectory())
            let client = try await process.listeningClient()
            try await eventually("the reason") {
                let ready = try await client.ready()
                return ready.status == 503 && ready.text.contains("the topic events is missing")
                    && ready.text.contains("kafka-topics.sh --create --topic events --partitions 2")
                    && ready.text.contains("--config retention.ms=-1")
                    && ready.text.contains("no sink can be paused: the topic events-control is missing")
                    && ready.text.contains("--partitions 1 --replication-factor 1 --config cleanup.policy=compact")
            }
            #expect(broker.created.isEmpty && !broker.autoCreations.contains(true))
            process.signal(SIGTERM)
            try await process.exitStatus()
        }
    }
}
