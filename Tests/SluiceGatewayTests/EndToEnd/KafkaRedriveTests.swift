import CRDKafka
import Foundation
import GatewayTestSupport
import Glibc
import Sluice
import SluiceKafka
import SluiceTestBrokers
import SluiceTesting
import Testing

@testable import SluiceGateway

extension EndToEnd {
    /// The poison queue and replays with Kafka as the queue, from outside.
    @Suite(.timeLimit(.minutes(15)))
    struct KafkaRedriveTests {
        private func cause(_ stub: PoisonStub) -> String {
            PoisonCause(
                route: stub.message.metadata[PoisonMetadata.handler] ?? "",
                reason: stub.message.metadata[PoisonMetadata.reason] ?? ""
            ).key
        }

        private func list(_ directory: TemporaryDirectory) async throws -> String {
            try await PoisonTool(directory: directory.path + "/data").list(PoisonFilter(), asJSON: false)
        }

        /// With `SLUICE_SOAK` it is 10,000 messages.
        @Test func messagesOfTwoCausesOneOfWhichIsPutBackOverAKill() async throws {
            let (slack, directory) = (try FakeSlack(), try TemporaryDirectory())
            let poison = KafkaPoison(kafka: try KafkaForTests(realGroups: true))
            let count = ProcessInfo.processInfo.environment["SLUICE_SOAK"] == nil ? 150 : 5_000
            var (first, second): ([PoisonStub], [PoisonStub]) = ([], [])
            for number in 0..<count {
                let repository = "octo/\(number % 16)"
                first.append(
                    PoisonStub(
                        "Slack refused block \(number) (invalid_blocks)", repository: repository,
                        extra: [PoisonMetadata.time: "\(1_700_000_000_000 + number)"]))
                second.append(PoisonStub("the event has no place \(number)", repository: repository))
            }
            try await poison.fill(zip(first, second).flatMap { [$0, $1] })
            let gateway = try await poison.start(slack, in: directory)
            let clock = ContinuousClock.now
            let list = try await list(directory)
            print("\(2 * count) poisoned messages on Kafka listed in \(ContinuousClock.now - clock)")
            #expect(list.contains("\(2 * count) messages of 2 causes"), "\(list)")
            let key = cause(first[0])
            let begun = try await sluiceCommand(
                "poison", "retry", "--cause", key, "--canary", "3", "--detach", on: directory)
            #expect(begun.status == 0 && begun.output.contains("job 1 begins"), "\(begun.output)")
            try await eventually("some are delivered") { slack.posts.count > count / 3 }
            gateway.signal(SIGKILL)
            #expect(try await gateway.exitStatus() == -SIGKILL)
            #expect(slack.pushes.count < count)
            let canaries = Set(
                slack.texts.prefix(3).compactMap { $0.split(separator: "`").dropFirst().first.map(String.init) })
            #expect(canaries.isSuperset(of: [first[0].commit, first[count - 1].commit]), "\(canaries)")
            // What comes meanwhile is not the job's.
            let later = PoisonStub("Slack refused block 9 (invalid_blocks)")
            try await poison.fill([later])

            let next = try await poison.start(slack, in: directory)
            let watched = try await sluiceCommand("replay", "watch", "1", on: directory)
            #expect(watched.status == 0 && watched.output.contains("job 1 done"), "\(watched.output.suffix(300))")
            let pushes = slack.pushes
            #expect(first.allSatisfy { pushes[$0.commit] != nil } && pushes.count == count)
            // The one in hand may have come twice.
            let doubled = pushes.values.reduce(0) { $0 + $1 - 1 }
            #expect(doubled <= 1, "\(doubled)")
            let left = try await KafkaPoison.left(directory)
            #expect(Set(left) == Set(second.map(\.commit) + [later.commit]) && left.count == count + 1)
            next.signal(SIGTERM)
            #expect(try await next.exitStatus() == 0)
        }

        @Test func ofTwoGatewaysOneGoesOnWhereTheOtherWasKilled() async throws {
            let (slack, directories) = (try FakeSlack(), [try TemporaryDirectory(), try TemporaryDirectory()])
            let poison = KafkaPoison(kafka: try KafkaForTests(realGroups: true))
            let stubs = (0..<120).map { PoisonStub("no \($0)", repository: "octo/\($0 % 8)") }
            try await poison.fill(stubs)
            let gateways = [
                try await poison.start(slack, in: directories[0]), try await poison.start(slack, in: directories[1]),
            ]
            let clients = [try await gateways[0].client(), try await gateways[1].client()]
            let begun = try await sluiceCommand(
                "poison", "retry", "--all", "--rate", "20/s", "--detach", on: directories[0])
            #expect(begun.status == 0, "\(begun.output)")
            try await eventually("it is worked off") { slack.posts.count > 5 }
            // The one obeys what the other is told.
            let pause = try await sluiceCommand("replay", "pause", "1", on: directories[1])
            #expect(pause.status == 0 && pause.output.contains("job 1 is paused"), "\(pause.output)")
            try await eventually("the other knows of it") {
                try await sluiceCommand("replay", "list", on: directories[0]).output.contains("paused by uid")
            }
            #expect(slack.posts.count < 120)
            #expect(try await sluiceCommand("replay", "resume", "1", on: directories[0]).status == 0)
            let count = slack.posts.count
            try await eventually("it goes on") { slack.posts.count > count + 3 }
            var worker: Int?
            try await eventually("one of them works it off") {
                for (index, client) in clients.enumerated()
                where try await client.metrics().value(
                    "sluice_redriven_messages_total", ["kind": "retry", "result": "delivered"]) ?? 0 > 0
                {
                    worker = index
                }
                return worker != nil
            }
            let killed = try #require(worker)
            gateways[killed].signal(SIGKILL)
            #expect(try await gateways[killed].exitStatus() == -SIGKILL)
            #expect(slack.posts.count < 120)
            let other = 1 - killed
            let watched = try await sluiceCommand("replay", "watch", "1", on: directories[other])
            #expect(watched.status == 0 && watched.output.contains("120 delivered"), "\(watched.output.suffix(300))")
            let pushes = slack.pushes
            #expect(stubs.allSatisfy { pushes[$0.commit] != nil } && pushes.count == 120)
            #expect(pushes.values.reduce(0) { $0 + $1 - 1 } <= 1)
            #expect(try await KafkaPoison.left(directories[other]).isEmpty)
            gateways[other].signal(SIGTERM)
            #expect(try await gateways[other].exitStatus() == 0)
        }

        @Test func canariesThatFailAgainStopTheJobAndAreBackInTheQueue() async throws {
            let (slack, directory) = (try FakeSlack(), try TemporaryDirectory())
            let poison = KafkaPoison(kafka: try KafkaForTests(realGroups: true))
            let stubs = (0..<20).map { PoisonStub("Slack refused it (invalid_payload) at \($0)") }
            try await poison.fill(stubs)
            slack.behave { _ in .status(400, body: "invalid_payload") }
            try await withGateway(in: directory, slack: slack, configure: { poison.kafka.use(in: &$0) }) { gateway in
                let retry = try await sluiceCommand(
                    "poison", "retry", "--cause", cause(stubs[0]), "--canary", "3", on: directory)
                #expect(retry.status == 1 && retry.output.contains("job 1 is stopped"), "\(retry.output)")
                #expect(slack.requests.count == 1)
                let left = try await KafkaPoison.left(directory)
                #expect(Set(left) == Set(stubs.map(\.commit)) && left.count == 20)
                let json = try await PoisonTool(directory: directory.path + "/data").list(PoisonFilter(), asJSON: true)
                #expect(json.contains(#""rounds":1"#) && json.contains(#""partition":"#), "\(json)")
                try await eventually("the job has stopped") {
                    try await gateway.client.ready().text.contains("has stopped")
                }
                // Mended: the job goes on with the rest, and the one that failed is none of it.
                slack.behave { _ in .ordinary }
                #expect(try await sluiceCommand("replay", "resume", "1", on: directory).status == 0)
                #expect(try await sluiceCommand("replay", "watch", "1", on: directory).status == 0)
                #expect(slack.posts.count == 19 && slack.pushes[stubs[0].commit] == nil)
                #expect(try await KafkaPoison.left(directory) == [stubs[0].commit])
                let rest = try await sluiceCommand("poison", "retry", "--all", on: directory)
                #expect(rest.status == 0, "\(rest.output)")
                #expect(slack.pushes[stubs[0].commit] == 1)
                #expect(try await list(directory) == "nothing in the poison queue\n")
                try await eventually("the gauge") {
                    try await gateway.client.metrics().value(
                        "sluice_poison_queue_messages", ["topic": "\(poison.kafka.topic)-poison"]) == 0
                }
            }
        }

        @Test func whatIsShownExportedNotedAndDroppedIsTakenBackFromTheFile() async throws {
            let (slack, directory) = (try FakeSlack(), try TemporaryDirectory())
            let poison = KafkaPoison(kafka: try KafkaForTests(realGroups: true))
            let stubs = (0..<3).map { PoisonStub("no \($0)", repository: "octo/\($0)") }
            let part = PoisonStub("too large", extra: [PoisonMetadata.truncated: "100000"])
            try await poison.fill(stubs + [part])
            try await withGateway(in: directory, slack: slack, configure: { poison.kafka.use(in: &$0) }) { gateway in
                let id = stubs[0].message.id.description
                let show = try await sluiceCommand("poison", "show", id, on: directory)
                #expect(show.status == 0 && show.output.contains(stubs[0].commit), "\(show.output)")
                let program = try #require(SluiceProcess.executable).path
                let key = cause(stubs[0])
                let export = try await runTool(
                    [
                        "/bin/sh", "-c",
                        "'\(program)' poison export --cause \(key) --data '\(directory.path)/data' >'\(directory.path)/out'",
                    ], in: directory)
                #expect(export.status == 0 && export.output == "exported 3 messages\n", "\(export.output)")
                let note = try await sluiceCommand("poison", "note", key, "Ada looks", on: directory)
                #expect(note.status == 0, "\(note.output)")
                #expect(try await list(directory).contains("Ada looks (uid \(geteuid()), "))
                let refused = try await sluiceCommand(
                    "poison", "retry", "--cause", cause(part), on: directory)
                #expect(refused.status == 1 && refused.output.contains("only a part"), "\(refused.output)")
                let dry = try await sluiceCommand("poison", "drop", "--all", "--dry-run", on: directory)
                #expect(dry.status == 0 && dry.output.contains("would drop 4 messages"), "\(dry.output)")
                let dropped = try await sluiceCommand("poison", "drop", id, on: directory)
                #expect(dropped.status == 0 && dropped.output.hasPrefix("1 messages are dropped"), "\(dropped.output)")
                #expect(try await KafkaPoison.left(directory).count == 3)
                let retry = try await sluiceCommand(
                    "poison", "retry", "--file", directory.path + "/out", on: directory)
                #expect(retry.status == 0 && retry.output.contains("3 delivered"), "\(retry.output)")
                #expect(slack.pushes == Dictionary(uniqueKeysWithValues: stubs.map { ($0.commit, 1) }))
                #expect(try await KafkaPoison.left(directory) == [part.commit])
                // Once more is not twice.
                let again = try await sluiceCommand(
                    "poison", "retry", "--file", directory.path + "/out", on: directory)
                #expect(again.status == 0 && again.output.contains("3 passed over"), "\(again.output)")
                #expect(slack.posts.count == 3)
                // Other programs see by the group what is left.
                let topics = try KafkaTopics(poison.kafka.client)
                try await eventually("the group of the poison queue") {
                    try await topics.backlog(
                        of: Topic("\(poison.kafka.topic)-poison"), group: "\(poison.kafka.topic)-poison"
                    ).values.filter { $0 > 0 }.count <= 1
                }
                await topics.close()
            }
            for words in [["poison", "list"], ["poison", "drop", "--all"], ["poison", "note", cause(part), "x"]] {
                let program = try #require(SluiceProcess.executable).path
                let answer = try await runTool([program] + words + ["--data", directory.path + "/data"], in: directory)
                #expect(answer.status == 2, "\(words): \(answer.output)")
            }
            // Straight from the brokers, and what jobs have settled is known there too.
            let values = poison.kafka.environment
            let variables = ["KAFKA_TOPIC", "KAFKA_GROUP", "KAFKA_PROPERTIES"].map { "\($0)=\(values[$0] ?? "")" }
            let program = try #require(SluiceProcess.executable).path
            let brokers = try await runTool(
                variables + [program, "poison", "list", "--from", "kafka://\(values["KAFKA_BROKERS"] ?? "")"],
                in: directory)
            #expect(brokers.status == 0 && brokers.output.contains("1 message of 1 cause"), "\(brokers.output)")
        }

        @Test func aReplayGivesTheFiltersEventsInTheirOrderAndGoesOnAfterAKill() async throws {
            let (slack, directory) = (try FakeSlack(), try TemporaryDirectory())
            let poison = KafkaPoison(kafka: try KafkaForTests(realGroups: true))
            let before = try await poison.push(10) { _ in "octo/hello" }
            let start = Timestamp.now().advanced(by: .milliseconds(2))
            try await eventually("the next millisecond") { Timestamp.now() > start }
            let wanted = try await poison.push(90) { $0 % 3 == 0 ? "octo/other" : "octo/hello" }.enumerated()
                .filter { $0.offset % 3 != 0 }.map(\.element)
            let gateway = try await poison.start(slack, in: directory)
            let program = try #require(SluiceProcess.executable).path
            func replay(_ more: String...) async throws -> (status: Int32, output: String) {
                try await runTool(
                    [
                        program, "replay", "--to", "slack", "--from", RFC3339.format(start), "--only",
                        "repository=octo/hello", "--data", directory.path + "/data",
                    ] + more, in: directory)
            }
            let dry = try await replay("--rate", "20/s", "--dry-run")
            #expect(dry.status == 0 && dry.output.contains("60 events from 20"), "\(dry.output)")
            #expect(dry.output.contains("about 3s"), "\(dry.output)")
            let begun = try await replay("--rate", "20/s", "--detach")
            #expect(begun.status == 0, "\(begun.output)")
            try await eventually("some are there") { slack.posts.count > 15 }
            gateway.signal(SIGKILL)
            #expect(try await gateway.exitStatus() == -SIGKILL)
            #expect(slack.posts.count < 60)
            let next = try await poison.start(slack, in: directory)
            let watched = try await sluiceCommand("replay", "watch", "1", on: directory)
            #expect(watched.status == 0 && watched.output.contains("60 delivered"), "\(watched.output.suffix(300))")
            let order = slack.texts.compactMap { $0.split(separator: "`").dropFirst().first.map(String.init) }
            var once: [String] = []
            for commit in order where once.last != commit { once.append(commit) }
            #expect(once == wanted && order.count - once.count <= 1)
            #expect(before.allSatisfy { slack.pushes[$0] == nil })
            // A second run sends only the rest, of which there is none.
            let none = try await replay("--skip-delivered", "--dry-run")
            #expect(none.output.contains("0 events: 60 delivered before are left out"), "\(none.output)")
            #expect(try await sluiceCommand("replay", "cancel", "1", on: directory).status == 1)
            next.signal(SIGTERM)
            #expect(try await next.exitStatus() == 0)
        }

        /// What the mock cluster has not: topics with settings, groups whose members it tells, positions that are committed by others.
        @Test(.enabled(if: KafkaForTests.isReal, "needs SLUICE_TEST_KAFKA=host:port"))
        func onARealClusterJobsAreKeptInACompactedTopicAndGroupsAreBroughtUpToDate() async throws {
            let (slack, directory) = (try FakeSlack(), try TemporaryDirectory())
            let poison = KafkaPoison(kafka: try KafkaForTests())
            let gateway = try await poison.start(slack, in: directory)
            let stubs = (0..<50).map { PoisonStub("no \($0)", repository: "octo/\($0 % 8)") }
            try await poison.fill(stubs)
            let topics = try KafkaTopics(poison.kafka.client)
            let jobs = try #require(try await topics.describe(Topic("\(poison.kafka.topic)-redrive")))
            #expect(jobs.partitions == 1 && jobs.settings?["cleanup.policy"] == "compact")
            let retry = try await sluiceCommand("poison", "retry", "--all", "--canary", "3", on: directory)
            #expect(retry.status == 0 && retry.output.contains("50 delivered"), "\(retry.output)")
            #expect(slack.pushes == Dictionary(uniqueKeysWithValues: stubs.map { ($0.commit, 1) }))
            #expect(try await KafkaPoison.left(directory).isEmpty)
            let groups = try await sluiceCommand("groups", "list", on: directory)
            #expect(groups.status == 0 && groups.output.contains("1 member"), "\(groups.output)")
            try await eventually("the group of the poison queue") {
                try await topics.backlog(
                    of: Topic("\(poison.kafka.topic)-poison"), group: "\(poison.kafka.topic)-poison"
                ).values.allSatisfy { $0 == 0 }
            }
            await topics.close()
            gateway.signal(SIGKILL)
            #expect(try await gateway.exitStatus() == -SIGKILL)
            // What was settled is known after a restart.
            let next = try await poison.start(slack, in: directory)
            #expect(try await list(directory) == "nothing in the poison queue\n")
            next.signal(SIGTERM)
            #expect(try await next.exitStatus() == 0)
        }

        @Test func groupsAreListedWhereBrokersTellNoMembers() async throws {
            let (slack, directory) = (try FakeSlack(), try TemporaryDirectory())
            // The plain mock cluster answers no question about groups.
            let kafka = try KafkaForTests()
            _ = try kafka.faults()
            try await withGateway(in: directory, slack: slack, configure: { kafka.use(in: &$0) }) { gateway in
                let commit = StubCommit()
                #expect(try await gateway.client.push([commit]).status == 202)
                try await eventually("it is delivered") { slack.pushes[commit.id] == 1 }
                for _ in 0..<5 {
                    let list = try await sluiceCommand("groups", "list", on: directory)
                    #expect(list.status == 0 && list.output.contains("unknown"), "\(list.output)")
                }
                let remove = try await sluiceCommand("groups", "remove", "\(kafka.topic)-log-to-old", on: directory)
                #expect(remove.status == 1, "\(remove.output)")
            }
        }

        /// A person makes the topics, and has made those of the release before; or has not permitted the new one.
        @Test(arguments: [RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED])
        func withoutItsTopicJobsAreRefusedAndNothingElseIs(_ error: rd_kafka_resp_err_t) async throws {
            let (slack, directory) = (try FakeSlack(), try TemporaryDirectory())
            let poison = KafkaPoison(kafka: try KafkaForTests(realGroups: true))
            let mock = try poison.kafka.faults()
            let jobs = "\(poison.kafka.topic)-redrive"
            mock.setTopicError(jobs, error)
            for suffix in ["", "-poison", "-facts"] { try mock.createTopic(poison.kafka.topic + suffix) }
            let stub = PoisonStub("no")
            try await poison.fill([stub])
            try await withGateway(
                in: directory, slack: slack,
                configure: {
                    poison.kafka.use(in: &$0)
                    $0.kafka?.createsTopics = false
                }
            ) { gateway in
                let commit = StubCommit()
                #expect(try await gateway.client.push([commit]).status == 202)
                try await eventually("it is delivered") { slack.pushes[commit.id] == 1 }
                try await eventually("the note") {
                    let ready = try await gateway.client.ready()
                    return ready.status == 200 && ready.text.contains("redrive: ") && ready.text.contains(jobs)
                }
                for words in [
                    ["poison", "retry", "--all"], ["replay", "--to", "slack"], ["poison", "drop", "--all"],
                ] {
                    let program = try #require(SluiceProcess.executable).path
                    let answer = try await runTool(
                        [program] + words + ["--data", directory.path + "/data"], in: directory)
                    #expect(answer.status == 1 && answer.output.contains(jobs), "\(words): \(answer.output)")
                }
                #expect(try await list(directory).contains("1 message of 1 cause"))
                mock.setTopicError(jobs, RD_KAFKA_RESP_ERR_NO_ERROR)
                try await eventually("the note is gone") {
                    try await !gateway.client.ready().text.contains("redrive: ")
                }
                let retry = try await sluiceCommand("poison", "retry", "--all", on: directory)
                #expect(retry.status == 0, "\(retry.output)")
                #expect(slack.pushes[stub.commit] == 1)
            }
        }

        @Test func whatASourceCouldNotReadGoesBackToTheSource() async throws {
            let (slack, directory) = (try FakeSlack(), try TemporaryDirectory())
            let poison = KafkaPoison(kafka: try KafkaForTests(realGroups: true))
            let commit = StubCommit.randomHash()
            let poisoned = Message(
                id: "from-the-broker",
                metadata: [PoisonMetadata.reason: "not understood yet", PoisonMetadata.handler: "forge-to-log"],
                payload: Array(commit.utf8))
            try await poison.publish([poisoned], to: "\(poison.kafka.topic)-poison")
            let broker = MemoryBroker().subscriber(group: "forge")
            try await withGateway(
                in: directory, slack: slack,
                configure: { configuration in
                    poison.kafka.use(in: &configuration)
                    configuration.sources.append(
                        ConfiguredSource("forge", PoisonTests.Forge(), from: broker, "forge", ordering: .serial))
                }
            ) { _ in
                let retry = try await sluiceCommand("poison", "retry", "--route", "forge", on: directory)
                #expect(retry.status == 0, "\(retry.output)")
                try await eventually("its event is delivered") { slack.pushes[commit] == 1 }
                #expect(try await list(directory) == "nothing in the poison queue\n")
            }
        }
    }
}
