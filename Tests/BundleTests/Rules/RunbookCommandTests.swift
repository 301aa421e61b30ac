import Foundation
import GatewayTestSupport
import Logging
import Sluice
import SluiceAMQP
import SluiceGateway
import SluicePrometheus
import SluiceTestBrokers
import SluiceTesting
import Testing

/// The runbook's commands do what it says of them.
@Suite(
    .enabled(
        if: SluiceProcess.executable != nil && RabbitMQBroker.isInstalled, "needs the program and rabbitmq-server"),
    .timeLimit(.minutes(10)))
struct RunbookCommandTests {
    /// The commands below a sentence of the runbook, about a cause of the test's own.
    private func commands(below words: String, cause: String) throws -> String {
        let url = RuleFiles.directory.appending(path: "RUNBOOK.md")
        let text = try String(contentsOf: url, encoding: .utf8)
        let start = try #require(text.range(of: words)).upperBound
        let open = try #require(text.range(of: "```sh\n", range: start..<text.endIndex)).upperBound
        let end = try #require(text.range(of: "```\n", range: open..<text.endIndex)).lowerBound
        let commands = String(text[open..<end])
        #expect(commands.contains("--cause 3f2a91c0"))
        return commands.replacing("3f2a91c0", with: cause)
    }

    private struct Cause: Decodable {
        let cause: String
        let route: String
        let count: Int
    }

    /// What a topic of the log holds, which has had a message at least.
    private func lines(_ topic: Topic, _ data: String) async throws -> [Message] {
        let source = try await BrokerAddress.sqlite(path: data).messages(of: topic, ConsumeOptions())
        let messages = try await source.next(1_000)?.map(\.message) ?? []
        await source.close()
        return messages
    }

    @Test func whatFailedGoesBackToWhereItFailed() async throws {
        let (slack, directory, broker) = (try FakeSlack(), try TemporaryDirectory(), try await RabbitMQBroker.shared())
        let (data, queue) = (directory.path + "/data", "deployments-\(UUID().uuidString)")
        var environment = sinkEnvironment(nil, slack)
        environment["AMQP_URI"] = broker.uri()
        environment["AMQP_QUEUE"] = queue
        slack.behave { _ in .status(400, body: "invalid_payload") }
        let program = try SluiceProcess(environment, in: directory)
        let client = try await program.client()
        let publisher = try AMQPPublisher(AMQPConfiguration(uri: broker.uri()), logger: Logger(label: "test"))
        let nonsense = Message(metadata: ["from": "a deploy tool"], payload: [0xFF, 0x00, 0x0D])
        try await publisher.publish([nonsense], to: Topic(queue))
        await publisher.close()
        let commit = StubCommit()
        #expect(try await client.push([commit]).status == 202)
        func poisoned(_ count: Int) async throws -> [Metadata] {
            try await eventually("\(count) are poisoned") {
                try await lines("poison", data).count == count
            }
            return try await lines("poison", data).map(\.metadata)
        }
        #expect(
            Set(try await poisoned(2).compactMap { $0["handler_poisoned"] }) == ["rabbitmq-to-log", "log-to-slack"])
        let events = try await lines("events", data).count

        slack.behave { _ in .ordinary }
        let path = try #require(SluiceProcess.executable).deletingLastPathComponent().path
        func run(_ script: String) async throws -> (status: Int32, output: String) {
            try await runTool(
                ["PATH=\(path):/usr/bin:/bin", "SLUICE_DATA=\(data)", "sh", "-ec", script], in: directory)
        }
        let causes = try await run("sluice poison list --format json").output.split(separator: "\n").map {
            try JSONDecoder().decode(Cause.self, from: Data($0.utf8))
        }
        #expect(Set(causes.map(\.route)) == ["rabbitmq-to-log", "log-to-slack"] && causes.allSatisfy { $0.count == 1 })
        for cause in causes {
            let answer = try await run(commands(below: "Put the messages back", cause: cause.cause))
            // What nothing can read fails again, which the canary finds.
            #expect(answer.status == (cause.route == "log-to-slack" ? 0 : 1), "\(answer.output)")
        }

        // The one event is told at last; what nothing can read was read by the same route again, and by no other.
        try await eventually("Slack is told") { slack.posts.count == 1 }
        let again = try #require(try await poisoned(3).last)
        #expect(again["handler_poisoned"] == "rabbitmq-to-log" && again["topic_poisoned"] == queue)
        #expect(again["from"] == "a deploy tool" && again["poison_rounds"] == "1")
        let last = try await lines("poison", data).last
        #expect(last?.payload == nonsense.payload && last?.id == nonsense.id)
        #expect(try await lines("events", data).count == events)
        try await eventually("the first ones are settled") {
            try await client.metric("sluice_poison_queue_messages", ["topic": "poison"]) == 1
        }
        program.signal(SIGTERM)
        #expect(try await program.exitStatus() == 0)
        #expect(slack.posts.count == 1)
    }
}
