import Foundation
import GatewayTestSupport
import Sluice
import SluiceKafka
import SluiceSQLite
import SluiceTesting
import Testing

@testable import SluiceGateway

/// The queue of a test on Kafka, filled and read from outside.
struct KafkaPoison {
    let kafka: KafkaForTests

    /// A configuration file with this queue and this Slack, which nothing slows down.
    func configuration(_ slack: FakeSlack) -> String {
        let values = kafka.environment
        let brokers = (values["KAFKA_BROKERS"] ?? "").split(separator: ",").map { "\"\($0)\"" }
        return PoisonStub.configuration(slack) + """
            queue:
              kind: kafka
              brokers: [\(brokers.joined(separator: ", "))]
              topic: \(kafka.topic)
              group: \(kafka.topic)
              partitions: 4
              properties: "\(values["KAFKA_PROPERTIES"] ?? "")"
            """ + "\n"
    }

    /// - Returns: a gateway of this queue in a process of its own, whose data are in `directory`.
    func start(_ slack: FakeSlack, in directory: TemporaryDirectory) async throws -> SluiceProcess {
        let file = directory.path + "/sluice.yaml"
        try Data(configuration(slack).utf8).write(to: URL(fileURLWithPath: file))
        let process = try SluiceProcess([:], ["run", "--config", file], in: directory)
        _ = try await process.client()
        return process
    }

    func publish(_ messages: [Message], to topic: String) async throws {
        let publisher = try KafkaPublisher(kafka.client, key: Event.orderingKeySelector)
        for start in stride(from: 0, to: messages.count, by: 1_000) {
            try await publisher.publish(
                Array(messages[start..<min(start + 1_000, messages.count)]), to: Topic(topic))
        }
        await publisher.close()
    }

    /// Puts messages into the poison queue.
    func fill(_ stubs: [PoisonStub]) async throws {
        try await publish(stubs.map(\.message), to: "\(kafka.topic)-poison")
    }

    /// Puts pushes among the events, as no sink has seen them.
    /// - Returns: their commits.
    func push(_ count: Int, repository: (Int) -> String) async throws -> [String] {
        let commits = (0..<count).map { _ in StubCommit.randomHash() }
        try await publish(
            commits.enumerated().map { number, commit in
                Event.commitPushed(
                    CommitPushed(
                        id: commit, message: "m", author: "a", occurredOn: .now(), repository: repository(number),
                        ref: "refs/heads/main")
                ).message()
            }, to: kafka.topic)
        return commits
    }

    /// The commits that are in the poison queue now, each once for each time that it is there, as the gateway that runs says.
    static func left(_ directory: TemporaryDirectory) async throws -> [String] {
        var commits: [String] = []
        _ = try await PoisonTool(directory: directory.path + "/data").export(PoisonFilter()) { line in
            let (logged, _) = try PoisonFile.read(line: line)
            if let commit = try? Event(PoisonedMessage.restored(logged.message)).commit { commits.append(commit) }
        }
        return commits
    }
}
