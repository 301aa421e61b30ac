import Foundation
import GatewayTestSupport
import Sluice
import SluiceSQLite
import SluiceTesting
import Testing

@testable import SluiceGateway

/// Runs `sluice` with these arguments on a data directory.
func sluiceCommand(_ arguments: String..., on directory: TemporaryDirectory) async throws -> (
    status: Int32, output: String
) {
    let program = try #require(SluiceProcess.executable).path
    return try await runTool([program] + arguments + ["--data", directory.path + "/data"], in: directory)
}

/// Events that lie in the poison queue of a data directory.
struct PoisonStub {
    let commit: String
    let message: Message

    /// - Parameter extra: metadata beside those that the first release wrote.
    init(
        _ reason: String, route: String = "log-to-slack", repository: String = "octo/hello", extra: Metadata = [:]
    ) {
        commit = StubCommit.randomHash()
        var message = Event.commitPushed(
            CommitPushed(
                id: commit, message: "Fix the leak", author: "johndoe", occurredOn: .now(), repository: repository,
                ref: "refs/heads/main")
        ).message()
        message.metadata["correlation_id"] = "c-\(commit.prefix(8))"
        for (name, value) in [
            (PoisonMetadata.reason, reason), (PoisonMetadata.topic, "events"), (PoisonMetadata.handler, route),
            (PoisonMetadata.subscriber, "sqlite"),
        ] {
            message.metadata[name] = value
        }
        for entry in extra { message.metadata[entry.name] = entry.value }
        self.message = message
    }

    /// A configuration file with this Slack, which nothing slows down.
    static func configuration(_ slack: FakeSlack) -> String {
        """
        sources:
          github: {kind: github}
        sinks:
          slack: {kind: slack, webhook: "\(slack.url + FakeSlack.path)"}
        destinations:
          slack: {throttle: {rate: 100000/s, burst: 1000}}
        """ + "\n"
    }

    static func log(of directory: TemporaryDirectory) -> String { "\(directory.path)/data/\(DataDirectory.logName)" }

    /// Puts them there, while no gateway runs or beside one.
    static func fill(_ directory: TemporaryDirectory, _ stubs: [PoisonStub]) async throws {
        try FileManager.default.createDirectory(
            atPath: directory.path + "/data", withIntermediateDirectories: true)
        let log = try SQLiteLog.open(SQLiteLog.Configuration(path: log(of: directory)))
        for start in stride(from: 0, to: stubs.count, by: 1_000) {
            try await log.publisher().publish(
                stubs[start..<min(start + 1_000, stubs.count)].map(\.message), to: "poison")
        }
        await log.close()
    }

    /// Those that are in the poison queue now, each once for each time that it is there.
    static func left(_ directory: TemporaryDirectory) throws -> [String] {
        try SQLiteLogView(path: log(of: directory)).unsettled(in: "poison", by: "poison") { logged in
            (try? Event(PoisonedMessage.restored(logged.message)))?.commit
        }
    }
}
