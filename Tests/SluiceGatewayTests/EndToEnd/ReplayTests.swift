import Foundation
import GatewayTestSupport
import Glibc
import Sluice
import SluiceSQLite
import SluiceTesting
import Testing

@testable import SluiceGateway

extension EndToEnd {
    /// Events that are sent once more, from outside.
    @Suite(.timeLimit(.minutes(10)))
    struct ReplayTests {
        /// Events on the queue, which its sinks have passed over.
        private func fill(_ directory: TemporaryDirectory, _ count: Int, repository: String) async throws -> [String] {
            try FileManager.default.createDirectory(
                atPath: directory.path + "/data", withIntermediateDirectories: true)
            let log = try SQLiteLog.open(SQLiteLog.Configuration(path: PoisonStub.log(of: directory)))
            let commits = (0..<count).map { _ in StubCommit.randomHash() }
            try await log.publisher(key: Event.orderingKeySelector).publish(
                commits.map { commit in
                    Event.commitPushed(
                        CommitPushed(
                            id: commit, message: "m", author: "a", occurredOn: .now(), repository: repository,
                            ref: "refs/heads/main")
                    ).message()
                }, to: "events")
            await log.close()
            return commits
        }

        private func order(_ slack: FakeSlack) -> [String] {
            slack.texts.compactMap { text in
                let parts = text.split(separator: "`")
                return parts.count > 1 ? String(parts[1]) : nil
            }
        }

        @Test func aDaysReplayGivesTheFiltersEventsInOrderAndGoesOnAfterAKill() async throws {
            let (slack, directory) = (try FakeSlack(), try TemporaryDirectory())
            let before = try await fill(directory, 20, repository: "octo/hello")
            // The log's times are those of its commits.
            let start = Timestamp.now().advanced(by: .milliseconds(2))
            try await eventually("the next millisecond") { Timestamp.now() > start }
            var wanted: [String] = []
            for _ in 0..<10 {
                wanted += try await fill(directory, 20, repository: "octo/hello")
                _ = try await fill(directory, 5, repository: "octo/other")
            }
            let file = directory.path + "/sluice.yaml"
            try Data(PoisonStub.configuration(slack).utf8).write(to: URL(fileURLWithPath: file))
            let gateway = try SluiceProcess([:], ["run", "--config", file], in: directory)
            _ = try await gateway.client()
            let from = RFC3339.format(start)
            let words = [
                "replay", "--to", "slack", "--from", from, "--only", "event=commitPushed,repository=octo/hello",
            ]
            let program = try #require(SluiceProcess.executable).path
            func replay(_ more: String...) async throws -> (status: Int32, output: String) {
                try await runTool([program] + words + more + ["--data", directory.path + "/data"], in: directory)
            }
            let dry = try await replay("--rate", "50/s", "--dry-run")
            #expect(dry.status == 0 && dry.output.contains("200 events from 20"), "\(dry.output)")
            #expect(
                dry.output.contains("0 of them delivered before") && dry.output.contains("about 4s"), "\(dry.output)")
            #expect(slack.posts.isEmpty)

            let began = ContinuousClock.now
            let begun = try await replay("--rate", "50/s", "--detach")
            #expect(begun.status == 0 && begun.output.contains("job 1 begins"), "\(begun.output)")
            try await eventually("some are there") { slack.posts.count >= 50 }
            // No faster than it was asked for.
            #expect(ContinuousClock.now - began > .milliseconds(900))
            gateway.signal(SIGKILL)
            #expect(try await gateway.exitStatus() == -SIGKILL)
            let sent = slack.posts.count
            #expect(sent < 200)

            let next = try SluiceProcess([:], ["run", "--config", file], in: directory)
            let client = try await next.client()
            let live = StubCommit()
            #expect(try await client.push([live], repository: "octo/live").status == 202)
            let watched = try await sluiceCommand("replay", "watch", "1", on: directory)
            #expect(watched.status == 0 && watched.output.contains("200 delivered"), "\(watched.output.suffix(300))")
            try await eventually("the live one") { slack.pushes[live.id] == 1 }
            let order = order(slack).filter { $0 != live.id }
            // The one in hand at the kill may have come twice, one behind the other.
            var once: [String] = []
            for commit in order where once.last != commit { once.append(commit) }
            #expect(once == wanted)
            #expect(order.count - once.count <= 1)
            #expect(before.allSatisfy { slack.pushes[$0] == nil })

            // A second run sends only the rest, of which there is none; and all of it where that is asked for.
            let none = try await replay("--skip-delivered", "--dry-run")
            #expect(none.output.contains("0 events: 200 delivered before are left out"), "\(none.output)")
            let refused = try await replay("--skip-delivered")
            #expect(refused.status == 1, "\(refused.output)")
            let all = try await replay()
            #expect(all.status == 0 && all.output.contains("200 delivered"), "\(all.output.suffix(300))")
            #expect(slack.posts.count == order.count + 1 + 200)
            next.signal(SIGTERM)
            #expect(try await next.exitStatus() == 0)
        }

        @Test func aJobIsPausedResumedAndCancelled() async throws {
            let (slack, directory) = (try FakeSlack(), try TemporaryDirectory())
            let commits = try await fill(directory, 200, repository: "octo/hello")
            try await withGateway(in: directory, slack: slack) { gateway in
                let begun = try await sluiceCommand(
                    "replay", "--to", "slack", "--rate", "20/s", "--detach", on: directory)
                #expect(begun.status == 0, "\(begun.output)")
                try await eventually("some are there") { slack.posts.count > 3 }
                let pause = try await sluiceCommand("replay", "pause", "1", on: directory)
                #expect(pause.status == 0 && pause.output.contains("job 1 is paused"), "\(pause.output)")
                let metrics = try await gateway.client.metrics()
                #expect(
                    metrics.value("sluice_redriven_messages_total", ["kind": "replay", "result": "delivered"]) ?? 0 > 3)
                let count = slack.posts.count
                // A job that is paused sends nothing, and a second one is worked off meanwhile.
                let other = try await sluiceCommand(
                    "replay", "--to", "slack", "--only", "repository=octo/none", on: directory)
                #expect(other.status == 1 && other.output.contains("0 events"), "\(other.output)")
                #expect(slack.posts.count <= count + 1)
                let resume = try await sluiceCommand("replay", "resume", "1", on: directory)
                #expect(resume.status == 0, "\(resume.output)")
                let resumed = slack.posts.count
                try await eventually("more come") { slack.posts.count > resumed + 3 }
                let cancel = try await sluiceCommand("replay", "cancel", "1", on: directory)
                #expect(cancel.status == 0 && cancel.output.contains("job 1 is cancelled"), "\(cancel.output)")
                let again = try await sluiceCommand("replay", "resume", "1", on: directory)
                #expect(again.status == 1 && again.output.contains("cancelled already"), "\(again.output)")
                let watch = try await sluiceCommand("replay", "watch", "1", on: directory)
                #expect(watch.status == 1, "\(watch.output)")
                #expect(Set(slack.pushes.keys).isSubset(of: commits) && slack.posts.count < 200)
                #expect(slack.pushes.values.allSatisfy { $0 == 1 })
                for (words, status) in [
                    (["replay", "pause", "99"], 1), (["replay", "pause", "x"], 64), (["replay", "--to", "teams"], 1),
                    (["replay", "--to", "slack", "--from", "soon"], 64),
                    (["replay", "--to", "slack", "--rate", "0/s"], 64),
                    (["replay", "--to", "slack", "--only", "colour=red"], 64),
                ] as [([String], Int32)] {
                    let program = try #require(SluiceProcess.executable).path
                    let answer = try await runTool(
                        [program] + words + ["--data", directory.path + "/data"], in: directory)
                    #expect(answer.status == status, "\(words): \(answer.output)")
                }
            }
        }

        @Test func aRouteOfJobsGoesOnceItHasNothingToDoAndComesAgain() async throws {
            let (slack, directory) = (try FakeSlack(), try TemporaryDirectory())
            _ = try await fill(directory, 3, repository: "octo/hello")
            try await withGateway(
                in: directory, slack: slack, configure: { $0.pace.idleLane = .milliseconds(100) }
            ) { gateway in
                for round in 1...2 {
                    let replay = try await sluiceCommand("replay", "--to", "slack", on: directory)
                    #expect(replay.status == 0 && slack.posts.count == 3 * round, "\(replay.output)")
                    try await eventually("its series are gone") {
                        try await gateway.client.metrics().value(
                            "sluice_deliveries_total", ["handler_name": "redrive-log-to-slack", "outcome": "acked"])
                            == nil
                    }
                }
            }
        }

        /// What is down when a job begins holds it up, and a live event goes first once it is back.
        @Test func aSinkThatIsPausedSendsNothingOfAJobEither() async throws {
            let (slack, directory) = (try FakeSlack(), try TemporaryDirectory())
            _ = try await fill(directory, 5, repository: "octo/hello")
            try await withGateway(in: directory, slack: slack) { gateway in
                #expect(try await sluiceCommand("pause", "slack", on: directory).status == 0)
                let begun = try await sluiceCommand("replay", "--to", "slack", "--detach", on: directory)
                #expect(begun.status == 0, "\(begun.output)")
                let live = StubCommit()
                #expect(try await gateway.client.push([live]).status == 202)
                try await eventually("the job is known") {
                    try await gateway.client.ready().text.contains("job 1")
                }
                #expect(slack.posts.isEmpty)
                #expect(try await sluiceCommand("resume", "slack", on: directory).status == 0)
                try await eventually("all is delivered") { slack.posts.count == 6 }
                #expect(slack.pushes[live.id] == 1)
            }
        }
    }
}
