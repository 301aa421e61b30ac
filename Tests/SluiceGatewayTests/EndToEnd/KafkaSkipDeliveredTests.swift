import Foundation
import GatewayTestSupport
import Glibc
import Sluice
import SluiceKafka
import SluiceTesting
import Testing

@testable import SluiceGateway

extension EndToEnd {
    /// `sluice replay --skip-delivered` where several gateways share the work, from outside.
    @Suite(.timeLimit(.minutes(10)))
    struct KafkaSkipDeliveredTests {
        @Test func whatAnotherGatewayHasDeliveredIsLeftOut() async throws {
            let (slack, directories) = (try FakeSlack(), [try TemporaryDirectory(), try TemporaryDirectory()])
            let poison = KafkaPoison(kafka: try KafkaForTests(realGroups: true))
            let first = try await poison.start(slack, in: directories[0])
            // One of them is refused: it is poisoned, and not delivered.
            slack.behave { request in
                String(decoding: request.body, as: UTF8.self).contains("octo/refused")
                    ? .status(400, body: "invalid_blocks") : .ordinary
            }
            let commits = try await poison.push(40) { $0 == 17 ? "octo/refused" : "octo/\($0 % 8)" }
            let refused = commits[17]
            try await eventually("all but one are delivered") { slack.pushes.count == 39 }
            try await eventually("one is poisoned") { try await KafkaPoison.left(directories[0]) == [refused] }

            // Its data directory is its own: it knows of the others' deliveries by the queue alone.
            let second = try await poison.start(slack, in: directories[1])
            func command(_ words: [String], on directory: TemporaryDirectory) async throws -> (
                status: Int32, output: String
            ) {
                let program = try #require(SluiceProcess.executable).path
                return try await runTool([program] + words + ["--data", directory.path + "/data"], in: directory)
            }
            func replay(_ words: String...) async throws -> (status: Int32, output: String) {
                try await command(["replay", "--to", "slack"] + words, on: directories[1])
            }
            try await eventually("it is told") {
                try await replay("--skip-delivered", "--dry-run").output.hasPrefix("1 events from ")
            }
            let preview = try await replay("--skip-delivered", "--dry-run").output
            #expect(preview.contains("39 delivered before are left out"), "\(preview)")
            #expect(try await replay("--dry-run").output.contains("40 events from "))
            #expect(try await replay("--dry-run").output.contains("39 of them delivered before"))

            first.signal(SIGKILL)
            #expect(try await first.exitStatus() == -SIGKILL)
            slack.behave { _ in .ordinary }
            let sent = try await replay("--skip-delivered")
            #expect(sent.status == 0 && sent.output.contains("1 delivered"), "\(sent.output)")
            #expect(slack.pushes == Dictionary(uniqueKeysWithValues: commits.map { ($0, 1) }))
            // What a job delivers counts as well.
            let none = try await replay("--skip-delivered", "--dry-run").output
            #expect(none.hasPrefix("0 events: 40 delivered before are left out"), "\(none)")

            // The first one starts again. What the other has delivered meanwhile it does not put back to the sink.
            let third = try await poison.start(slack, in: directories[0])
            try await eventually("it is told") {
                try await command(["replay", "--to", "slack", "--skip-delivered", "--dry-run"], on: directories[0])
                    .output.hasPrefix("0 events: 40 delivered before are left out")
            }
            second.signal(SIGKILL)
            #expect(try await second.exitStatus() == -SIGKILL)
            let retried = try await command(["poison", "retry", "--route", "log-to-slack"], on: directories[0])
            #expect(
                retried.status == 0 && retried.output.contains("0 delivered, 0 failed again, 1 passed over"),
                "\(retried)")
            #expect(slack.pushes == Dictionary(uniqueKeysWithValues: commits.map { ($0, 1) }))
            #expect(try await KafkaPoison.left(directories[0]).isEmpty)
            third.signal(SIGTERM)
            #expect(try await third.exitStatus() == 0)
        }
    }
}
