import GatewayTestSupport
import Sluice
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
                try await Self.push(to: gateway.client)
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

        /// In parallel, one good event after each bad one of a task: the partition has them mixed.
        private static func push(to client: GatewayClient) async throws {
            try await withThrowingDiscardingTaskGroup { group in
                for task in 0..<4 {
                    group.addTask {
                        for number in 0..<pairs / 4 {
                            for repository in [bad, "octo/good-\(task)-\(number % 8)"] {
                                let answer = try await client.push([StubCommit()], repository: repository)
                                #expect(answer.status == 202)
                            }
                        }
                    }
                }
            }
        }
    }
}
