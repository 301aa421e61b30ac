import Foundation
import GatewayTestSupport
import Glibc
import Sluice
import SluiceSQLite
import SluiceTesting
import Synchronization
import Testing

@testable import SluiceGateway

extension EndToEnd {
    /// The poison queue, from outside.
    @Suite(.timeLimit(.minutes(10)))
    struct PoisonTests {
        private func tool(_ directory: TemporaryDirectory) -> PoisonTool {
            PoisonTool(directory: directory.path + "/data")
        }

        private func cause(_ stub: PoisonStub) -> String {
            PoisonCause(
                route: stub.message.metadata[PoisonMetadata.handler] ?? "",
                reason: stub.message.metadata[PoisonMetadata.reason] ?? ""
            ).key
        }

        @Test func tenThousandMessagesOfTwoCausesOneOfWhichIsPutBackOverAKill() async throws {
            let (slack, directory) = (try FakeSlack(), try TemporaryDirectory())
            var (first, second): ([PoisonStub], [PoisonStub]) = ([], [])
            for number in 0..<5_000 {
                first.append(PoisonStub("Slack refused block \(number) (invalid_blocks)"))
                second.append(PoisonStub("the event of 2026-01-02T03:04:05Z has no place \(number)"))
            }
            try await PoisonStub.fill(directory, zip(first, second).flatMap { [$0, $1] })
            let clock = ContinuousClock.now
            let list = try await tool(directory).list(PoisonFilter(), asJSON: false)
            print("10,000 poisoned messages listed in \(ContinuousClock.now - clock)")
            #expect(list.contains("10000 messages of 2 causes"), "\(list)")
            #expect(list.contains("Slack refused block N (invalid_blocks)") && list.contains("of TIME has no place N"))

            let file = directory.path + "/sluice.yaml"
            try Data(PoisonStub.configuration(slack).utf8).write(to: URL(fileURLWithPath: file))
            let gateway = try SluiceProcess([:], ["run", "--config", file], in: directory)
            _ = try await gateway.client()
            let key = cause(first[0])
            let dry = try await sluiceCommand("poison", "retry", "--cause", key, "--dry-run", on: directory)
            #expect(
                dry.status == 0 && dry.output.contains("would begin: retry of 5000 poisoned messages"), "\(dry.output)")
            let begun = try await sluiceCommand(
                "poison", "retry", "--cause", key, "--canary", "3", "--detach", on: directory)
            #expect(begun.status == 0 && begun.output.contains("job 1 begins"), "\(begun.output)")
            try await eventually("some are delivered") { slack.posts.count > 300 }
            gateway.signal(SIGKILL)
            #expect(try await gateway.exitStatus() == -SIGKILL)
            let delivered = Set(slack.pushes.keys)
            let left = Set(try PoisonStub.left(directory))
            // Each is delivered or still there; the one in hand may be both.
            #expect(first.allSatisfy { delivered.contains($0.commit) || left.contains($0.commit) })
            #expect(delivered.intersection(left).count <= 1)
            #expect(delivered.count < 5_000)
            let canaries = [first[0].commit, first[4_999].commit, first[2_499].commit]
            #expect(canaries.allSatisfy { slack.texts.prefix(3).joined().contains($0) })
            // What comes meanwhile is not the job's.
            let later = PoisonStub("Slack refused block 9 (invalid_blocks)")
            try await PoisonStub.fill(directory, [later])

            let next = try SluiceProcess([:], ["run", "--config", file], in: directory)
            _ = try await next.client()
            let watched = try await sluiceCommand("replay", "watch", "1", on: directory)
            #expect(watched.status == 0 && watched.output.contains("job 1 done"), "\(watched.output.suffix(300))")
            let pushes = slack.pushes
            #expect(first.allSatisfy { pushes[$0.commit] != nil } && pushes.count == 5_000)
            let doubled = pushes.values.reduce(0) { $0 + $1 - 1 }
            #expect(doubled <= 1, "\(doubled)")
            #expect(Set(try PoisonStub.left(directory)) == Set(second.map(\.commit) + [later.commit]))
            #expect(try PoisonStub.left(directory).count == 5_001)
            let jobs = try await sluiceCommand("replay", "list", "--format", "json", on: directory)
            #expect(jobs.output.contains(#""state":"done""#), "\(jobs.output)")
            next.signal(SIGTERM)
            #expect(try await next.exitStatus() == 0)
        }

        @Test func canariesThatFailAgainStopTheJobAndAreBackInTheQueue() async throws {
            let (slack, directory) = (try FakeSlack(), try TemporaryDirectory())
            let stubs = (0..<20).map { PoisonStub("Slack refused it (invalid_payload) at \($0)") }
            try await PoisonStub.fill(directory, stubs)
            slack.behave { _ in .status(400, body: "invalid_payload") }
            try await withGateway(in: directory, slack: slack) { gateway in
                let key = cause(stubs[0])
                let retry = try await sluiceCommand("poison", "retry", "--cause", key, "--canary", "3", on: directory)
                #expect(retry.status == 1, "\(retry.output)")
                #expect(retry.output.contains("job 1 is stopped"), "\(retry.output)")
                #expect(slack.requests.count == 1)
                #expect(try PoisonStub.left(directory).count == 20)
                let list = try await tool(directory).list(PoisonFilter(), asJSON: true)
                #expect(list.contains(#""rounds":1"#), "\(list)")
                // As its own route would have put it there.
                let back = try SQLiteLogView(path: PoisonStub.log(of: directory)).unsettled(
                    in: "poison", by: "poison"
                ) { $0.message.metadata[PoisonMetadata.rounds] == nil ? nil : $0.message }
                #expect(back.count == 1)
                #expect(back.first?.metadata[PoisonMetadata.handler] == "log-to-slack")
                #expect(back.first?.metadata[PoisonMetadata.topic] == "events")
                #expect(back.first?.metadata["correlation_id"] == stubs[0].message.metadata["correlation_id"])
                // The jobs are looked at each second.
                try await eventually("the job has stopped") {
                    let ready = try await gateway.client.ready()
                    return ready.status == 200 && ready.text.contains("job 1") && ready.text.contains("has stopped")
                }

                // Mended: the job goes on with the rest, and the one that failed is none of it.
                slack.behave { _ in .ordinary }
                let resume = try await sluiceCommand("replay", "resume", "1", on: directory)
                #expect(resume.status == 0, "\(resume.output)")
                let watch = try await sluiceCommand("replay", "watch", "1", on: directory)
                #expect(watch.status == 0, "\(watch.output)")
                #expect(slack.posts.count == 19 && slack.pushes[stubs[0].commit] == nil)
                #expect(try PoisonStub.left(directory) == [stubs[0].commit])
                let rest = try await sluiceCommand("poison", "retry", "--all", on: directory)
                #expect(rest.status == 0, "\(rest.output)")
                #expect(slack.pushes[stubs[0].commit] == 1)
                #expect(try PoisonStub.left(directory).isEmpty)
                let id = stubs[0].message.id.description
                try await eventually("its story") {
                    try await sluiceCommand("why", id, on: directory).output.contains("sent again by a job: success")
                }
                #expect(
                    try await tool(directory).list(PoisonFilter(), asJSON: false) == "nothing in the poison queue\n")
            }
        }

        @Test func whatHasComeBackTooOftenNeedsForceAndWhatIsOnlyAPartStays() async throws {
            let (slack, directory) = (try FakeSlack(), try TemporaryDirectory())
            let worn = PoisonStub("no", extra: [PoisonMetadata.rounds: "3"])
            let part = PoisonStub("no", extra: [PoisonMetadata.truncated: "100000"])
            let gone = PoisonStub("no", route: "log-to-nowhere")
            try await PoisonStub.fill(directory, [worn, part, gone])
            try await withGateway(in: directory, slack: slack) { _ in
                let refused = try await sluiceCommand("poison", "retry", "--all", on: directory)
                #expect(refused.status == 1 && refused.output.contains("come back 3 times"), "\(refused.output)")
                #expect(refused.output.contains("only a part") && refused.output.contains("no route log-to-nowhere"))
                let forced = try await sluiceCommand("poison", "retry", "--all", "--force", on: directory)
                #expect(forced.status == 0, "\(forced.output)")
                #expect(slack.pushes == [worn.commit: 1])
                #expect(Set(try PoisonStub.left(directory)) == [part.commit, gone.commit])
                let usage = try await sluiceCommand("poison", "retry", on: directory)
                #expect(usage.status == 64)
            }
            let none = try await sluiceCommand("poison", "retry", "--all", on: directory)
            #expect(none.status == 2, "\(none.output)")
        }

        @Test func whatIsExportedAndDroppedIsTakenBackFromTheFile() async throws {
            let (slack, directory) = (try FakeSlack(), try TemporaryDirectory())
            let stubs = (0..<3).map { PoisonStub("no \($0)") }
            try await PoisonStub.fill(directory, stubs)
            let program = try #require(SluiceProcess.executable).path
            let export = try await runTool(
                [
                    "/bin/sh", "-c",
                    "'\(program)' poison export --data '\(directory.path)/data' >'\(directory.path)/out.jsonl'",
                ], in: directory)
            #expect(export.status == 0 && export.output == "exported 3 messages\n")
            // Without a gateway the files are enough.
            let dropped = try await sluiceCommand("poison", "drop", "1", "2", on: directory)
            #expect(dropped.status == 0 && dropped.output.hasPrefix("2 messages are dropped"), "\(dropped.output)")
            let note = try await sluiceCommand("poison", "note", cause(stubs[0]), "Ada looks", on: directory)
            #expect(note.status == 0, "\(note.output)")
            #expect(
                try await tool(directory).list(PoisonFilter(), asJSON: false).contains("Ada looks (uid \(geteuid()), "))
            try await withGateway(in: directory, slack: slack) { _ in
                let retry = try await sluiceCommand(
                    "poison", "retry", "--file", directory.path + "/out.jsonl", on: directory)
                #expect(retry.status == 0, "\(retry.output)")
                #expect(slack.pushes == Dictionary(uniqueKeysWithValues: stubs.map { ($0.commit, 1) }))
                #expect(try PoisonStub.left(directory).isEmpty)
                // Once more is not twice.
                let again = try await sluiceCommand(
                    "poison", "retry", "--file", directory.path + "/out.jsonl", on: directory)
                #expect(again.status == 0 && again.output.contains("3 passed over"), "\(again.output)")
                #expect(slack.posts.count == 3)
                let missing = try await sluiceCommand("poison", "retry", "--file", "/nowhere", on: directory)
                #expect(missing.status == 1)
            }
            // Who did what is on the topic, oldest first.
            let acts = try SQLiteLogView(path: PoisonStub.log(of: directory)).messages(in: "redrive").map {
                $0.message.metadata["act"] ?? ""
            }
            #expect(acts == ["drop", "note", "retry", "done", "retry", "done"], "\(acts)")
        }

        /// A message that came from a broker goes through its source's reader once more.
        @Test func whatASourceCouldNotReadGoesBackToTheSource() async throws {
            let (slack, directory) = (try FakeSlack(), try TemporaryDirectory())
            let commit = StubCommit.randomHash()
            let poisoned = Message(
                id: "from-the-broker",
                metadata: [PoisonMetadata.reason: "not understood yet", PoisonMetadata.handler: "forge-to-log"],
                payload: Array(commit.utf8))
            try FileManager.default.createDirectory(
                atPath: directory.path + "/data", withIntermediateDirectories: true)
            let log = try SQLiteLog.open(SQLiteLog.Configuration(path: PoisonStub.log(of: directory)))
            try await log.publisher().publish([poisoned], to: "poison")
            await log.close()
            let broker = MemoryBroker().subscriber(group: "forge")
            try await withGateway(
                in: directory, slack: slack,
                configure: { configuration in
                    configuration.sources.append(
                        ConfiguredSource("forge", Forge(), from: broker, "forge", ordering: .serial))
                }
            ) { _ in
                let retry = try await sluiceCommand("poison", "retry", "--route", "forge", on: directory)
                #expect(retry.status == 0, "\(retry.output)")
                try await eventually("its event is delivered") { slack.pushes[commit] == 1 }
                #expect(
                    try await tool(directory).list(PoisonFilter(), asJSON: false) == "nothing in the poison queue\n")
            }
        }

        struct Forge: SluiceGateway.Source {
            func events(of message: Message, receivedAt: Timestamp) async throws -> [Event] {
                [
                    .commitPushed(
                        CommitPushed(
                            id: String(decoding: message.payload, as: UTF8.self), message: "m", author: "a",
                            occurredOn: receivedAt, repository: "octo/hello", ref: "refs/heads/main"))
                ]
            }
        }
    }
}
