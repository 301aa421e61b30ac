import Foundation
import GatewayTestSupport
import Logging
import Sluice
import SluiceAMQP
import SluiceKafka
import SluicePrometheus
import SluiceTestBrokers
import SluiceTesting
import Testing

@testable import SluiceGateway

extension EndToEndUnderLoad {
    struct MemoryLimitTests {
        static let secret = "It's a Secret to Everybody"
        /// What the container image is given (`docker-compose.yml`).
        static let limit = 512 << 20

        /// Webhooks that inflate to 24 MB each, deployments of 4 MB each and records of 900 kB, all at once, while no
        /// sink takes anything.
        @Test(.timeLimit(.minutes(20)))
        func staysInItsContainerUnderLargeInputOnAllThreeSidesForLong() async throws {
            let (grafana, directory) = (try FakeGrafana(), try TemporaryDirectory())
            grafana.behave { _ in .status(503) }
            let kafka = try KafkaForTests()
            let broker = try await RabbitMQBroker.shared()
            let queue = Topic("deployments-\(String(UInt64.random(in: .min ... .max), radix: 36))")
            let process = try SluiceProcess(
                sinkEnvironment(grafana, nil).merging(kafka.environment) { $1 }.merging([
                    "GITHUB_WEBHOOK_SECRET": Self.secret, "AMQP_URI": broker.uri(), "AMQP_QUEUE": queue.name,
                ]) { $1 }, in: directory)
            let client = try await process.client(secret: Self.secret)
            let start = process.peakMemory
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await Self.sendWebhooks(Soak.count(1_000), to: client, in: directory) }
                group.addTask { try await Self.sendDeployments(Soak.count(1_000), to: queue, on: broker) }
                group.addTask { try await Self.sendRecords(Soak.count(3_000), to: kafka) }
                try await group.waitForAll()
            }
            let ready = try await client.ready()
            #expect(ready.status == 200, "\(ready.text)")
            print("memory: \(start >> 20) MiB before, \(process.peakMemory >> 20) MiB at most")
            #expect(process.peakMemory > 0 && process.peakMemory < Self.limit)
            grafana.behave { _ in .ordinary }
            let commit = StubCommit()
            try await eventually("a small push is taken") {
                try await client.push([commit]).status == 202
            }
            try await eventually("and delivered") { grafana.pushes[commit.id] == 1 }
            process.signal(SIGTERM)
            #expect(try await process.exitStatus() == 0)
        }

        /// A hundred at a time. A gateway that has no room says so, and the sender comes again.
        private static func sendWebhooks(
            _ count: Int, to client: GatewayClient, in directory: TemporaryDirectory
        ) async throws {
            let padding = [UInt8](repeating: 0x20, count: 24_000_000)
            let plain = Stub.push([StubCommit()]) + padding
            try Data(plain).write(to: URL(fileURLWithPath: directory.path + "/push"))
            #expect(try await runTool(["gzip", "-9", directory.path + "/push"], in: directory).status == 0)
            let body = Array(FileManager.default.contents(atPath: directory.path + "/push.gz") ?? Data())
            try await withThrowingDiscardingTaskGroup { group in
                for _ in 0..<min(count, 100) {
                    group.addTask {
                        for _ in 0..<max(1, count / 100) {
                            let answer = try await client.gitHub(body, headers: [("Content-Encoding", "gzip")])
                            #expect([202, 503].contains(answer.status), "\(answer.status) \(answer.text)")
                        }
                    }
                }
            }
        }

        private static func sendDeployments(_ count: Int, to queue: Topic, on broker: RabbitMQBroker) async throws {
            let publisher = try AMQPPublisher(try AMQPConfiguration(uri: broker.uri()), logger: .init(label: "test"))
            let deployment = #"{"commit_id":"\#(StubCommit.randomHash())","env":"staging","timestamp":1767323045}"#
            let payload = Array(deployment.utf8) + [UInt8](repeating: 0x20, count: 4_000_000)
            for _ in 0..<count { try await publisher.publish([Message(payload: payload)], to: queue) }
            await publisher.close()
        }

        /// Events of a kind that this version does not know among them: they are as large as the queue allows.
        private static func sendRecords(_ count: Int, to kafka: KafkaForTests) async throws {
            let publisher = try KafkaPublisher(kafka.client, logger: .init(label: "test"))
            let payload = [UInt8](repeating: 0x20, count: 900_000)
            for _ in 0..<count { try await publisher.publish([Message(payload: payload)], to: Topic(kafka.topic)) }
            await publisher.close()
        }
    }
}
