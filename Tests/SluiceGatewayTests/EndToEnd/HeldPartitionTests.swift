import GatewayTestSupport
import Sluice
import SluiceKafka
import SluicePrometheus
import SluiceTestBrokers
import SluiceTesting
import Synchronization
import Testing

@testable import SluiceGateway

extension EndToEndUnderLoad {
    struct HeldPartitionTests {
        private static let pairs = 3_000
        private static let bad = "octo/bad"

        /// Every second event is of a repository that Grafana fails for. The others are delivered until a commit can tell of
        /// no more of them; then the metric, `/readyz` and the log name the message that holds them up.
        @Test(.timeLimit(.minutes(10)))
        func namesTheMessageThatHoldsUpAPartitionOfKafkas() async throws {
            let (grafana, directory) = (try FakeGrafana(), try TemporaryDirectory())
            let kafka = try KafkaForTests(realGroups: true)
            try kafka.mock?.createTopic(kafka.topic, partitions: 1)
            let labels = ["handler_name": "log-to-grafana", "topic": kafka.topic, "partition": "0"]
            grafana.behave { request in
                request.method == "POST" && String(decoding: request.body, as: UTF8.self).contains(Self.bad)
                    ? .status(500) : .ordinary
            }
            try await withGateway(in: directory, grafana: grafana) { configuration in
                kafka.use(in: &configuration)
                configuration.kafka?.partitions = 1
            } _: { gateway in
                func held() async throws -> Double? {
                    try await gateway.client.metric("sluice_partition_held_by_offset", labels)
                }
                try await eventually("the gauge of a partition that nothing holds up") {
                    try await held() == -1
                }
                try await Self.publish(to: kafka)
                // On a busy machine thousands of deliveries take minutes.
                try await eventually("the partition is held up", within: .seconds(400)) {
                    try await held() ?? -1 >= 0
                }
                #expect(grafana.annotations.count > 1_000)
                #expect(grafana.annotations.count < Self.pairs)
                let answer = try await gateway.client.ready()
                let note = "log-to-grafana: partition 0 of \(kafka.topic) is paused: its message at offset "
                #expect(answer.status == 200)
                #expect(answer.text.contains(note) && answer.text.contains("key \(Self.bad)"), "\(answer.text)")
                #expect(gateway.log.contains("a partition is paused"))

                grafana.behave { _ in .ordinary }
                try await eventually("all of them, and nothing held up") {
                    guard grafana.annotations.count == 2 * Self.pairs else { return false }
                    return try await held() == -1
                }
                #expect(grafana.pushes.values.allSatisfy { $0 == 1 })
                let text = try await gateway.client.ready().text
                #expect(!text.contains(note), "\(text)")
            }
        }

        /// One good event after each bad one, so that a commit has to tell of each.
        private static func publish(to kafka: KafkaForTests) async throws {
            let messages = (0..<2 * pairs).map { number in
                Event.commitPushed(
                    CommitPushed(
                        id: StubCommit.randomHash(), message: "held", author: "Ada", occurredOn: .now(),
                        repository: number % 2 == 0 ? bad : "octo/good-\(number % 31)")
                ).message()
            }
            let publisher = try KafkaPublisher(kafka.client, key: Event.orderingKeySelector)
            for start in stride(from: 0, to: messages.count, by: 1_000) {
                try await publisher.publish(Array(messages[start..<start + 1_000]), to: Topic(kafka.topic))
            }
            await publisher.close()
        }
    }
}
