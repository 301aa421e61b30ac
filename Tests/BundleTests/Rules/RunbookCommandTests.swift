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
    /// The commands below a sentence of the runbook, for a gateway of the test's own.
    private func commands(below words: String, data: String, queue: String) throws -> String {
        let url = RuleFiles.directory.appending(path: "RUNBOOK.md")
        let text = try String(contentsOf: url, encoding: .utf8)
        let start = try #require(text.range(of: words)).upperBound
        let open = try #require(text.range(of: "```sh\n", range: start..<text.endIndex)).upperBound
        let end = try #require(text.range(of: "```\n", range: open..<text.endIndex)).lowerBound
        return String(text[open..<end]).replacing("sqlite:/var/lib/sluice", with: "sqlite:\(data)")
            .replacing(" deployments", with: " \(queue)")
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
        let script = try commands(below: "Put the messages back", data: data, queue: queue)
            .replacing("--idle 5", with: "--idle 1")
        let path = try #require(SluiceProcess.executable).deletingLastPathComponent().path
        let answer = try await runTool(
            ["PATH=\(path):/usr/bin:/bin", "AMQP_URI=\(broker.uri())", "sh", "-ec", "cd \(directory.path); \(script)"],
            in: directory)
        #expect(answer.status == 0, "\(answer.output)")
        #expect(answer.output == "2 messages consumed\n1 messages published\n1 messages published\n")

        // The one event is told at last; what nothing can read was read by the same route again, and by no other.
        try await eventually("Slack is told") { slack.posts.count == 1 }
        let again = try #require(try await poisoned(3).last)
        #expect(again["handler_poisoned"] == "rabbitmq-to-log" && again["topic_poisoned"] == queue)
        #expect(again["from"] == "a deploy tool")
        let last = try await lines("poison", data).last
        #expect(last?.payload == nonsense.payload && last?.id == nonsense.id)
        #expect(try await lines("events", data).count == events + 1)
        try await eventually("the first ones are settled") {
            try await client.metrics().value("sluice_poison_queue_messages", ["topic": "poison"]) == 1
        }
        program.signal(SIGTERM)
        #expect(try await program.exitStatus() == 0)
        #expect(slack.posts.count == 1)
    }
}
