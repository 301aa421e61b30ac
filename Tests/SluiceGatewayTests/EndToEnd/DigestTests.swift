import Foundation
import GatewayTestSupport
import Glibc
import Sluice
import SluiceTesting
import Synchronization
import Testing

@testable import SluiceGateway

/// Deployments that a gateway is told of, and whether Slack has each once.
private final class Deployments: Sendable {
    private let commits = Mutex<[String]>([])

    var all: [String] { commits.withLock(\.self) }

    func tell(_ client: GatewayClient, _ result: String = "success") async throws {
        let commit = StubCommit.randomHash()
        let body = """
            {"commit_id": "\(commit)", "env": "production", "timestamp": "2026-01-02T03:04:05Z", "service": "shop",
             "repository": "acme/shop", "result": "\(result)"}
            """
        #expect(try await client.send("POST", "/webhooks/deployments", body: Array(body.utf8)).status == 202)
        commits.withLock { $0.append(commit) }
    }

    func have(_ count: Int, in slack: FakeSlack) -> Bool {
        let texts = slack.texts
        return all.count { commit in texts.contains { $0.contains(commit) } } == count
    }
}

extension FakeSlack {
    /// Refuses pushes, one by one and as a digest.
    fileprivate func refusePushes() {
        behave { request in
            request.text.contains("*pushed*") || request.text.contains(" commits") ? .status(503) : .ordinary
        }
    }
}

extension EndToEnd {
    /// A sink that tells the pushes of a webhook as one, and reads them apart from what is urgent.
    @Suite(.timeLimit(.minutes(10)))
    struct DigestTests {
        private static func use(_ kafka: KafkaForTests?, _ configuration: inout GatewayConfiguration) {
            configuration.slack?.digest = true
            kafka?.use(in: &configuration)
        }

        private static func settled(_ client: GatewayClient) async throws -> Bool {
            let metrics = try await client.metrics()
            func all(_ name: String) -> [Double] {
                metrics.samples.filter { sample in
                    sample.name == name
                        && sample.labels.contains { $0.name == "handler_name" && $0.value.hasPrefix("log-to-slack") }
                }.map(\.value)
            }
            let lags = all("sluice_consumer_lag_messages")
            return lags.count >= 2 && (lags + all("sluice_unaccounted_messages")).allSatisfy { $0 == 0 }
        }

        @Test(arguments: [false, true])
        func thePushesOfOneWebhookAreOneMessage(onKafka: Bool) async throws {
            let (slack, directory) = (try FakeSlack(), try TemporaryDirectory())
            let kafka = onKafka ? try KafkaForTests(realGroups: true) : nil
            try await withGateway(in: directory, slack: slack, configure: { Self.use(kafka, &$0) }) { gateway in
                let deployments = Deployments()
                // What comes meanwhile waits behind it.
                slack.behave { _ in .status(503) }
                #expect(try await gateway.client.push([StubCommit()], repository: "acme/shop").status == 202)
                try await eventually("an attempt") { !slack.requests.isEmpty }
                let twelve = (0..<12).map { _ in StubCommit() }
                let two = (0..<2).map { _ in StubCommit() }
                for commits in [twelve, two] {
                    #expect(try await gateway.client.push(commits, repository: "acme/shop").status == 202)
                }
                try await deployments.tell(gateway.client)
                try await deployments.tell(gateway.client, "failure")
                slack.behave { _ in .ordinary }
                try await eventually("everything is told") {
                    slack.pushes.count == 15 && deployments.have(2, in: slack)
                }
                #expect(slack.pushes.values.allSatisfy { $0 == 1 })
                let digests = slack.texts.filter { $0.contains(" commits to *acme/shop* (main)") }
                #expect(digests.map { String($0.prefix(19)) } == [":rocket: 12 commits", ":rocket: 2 commits "])
                #expect(slack.posts.count == 5)
                // In order: the first commit alone, the twelve, the two.
                let pushes = slack.texts.filter { !$0.contains("deploy") }
                #expect(pushes.count == 3 && pushes[0].contains("*pushed*"))
                try await eventually("nothing waits, nothing is unaccounted for") {
                    try await Self.settled(gateway.client)
                }
                let metrics = try await gateway.client.metrics()
                let acked = ["handler_name": "log-to-slack-pushes", "outcome": "acked"]
                #expect(metrics.value("sluice_deliveries_total", acked) == 15)
                #expect(
                    metrics.value(
                        "sluice_event_age_seconds_count",
                        ["handler_name": "log-to-slack-pushes", "event_type": "commitPushed"]) == 15)
                let attempts = try #require(
                    metrics.value("sluice_destination_attempts_total", ["destination": "slack", "result": "success"]))
                #expect(attempts == 5)
                #expect(
                    (metrics.value("sluice_destination_attempts_total", ["destination": "slack", "result": "failure"])
                        ?? 0)
                        >= 1)
                let ready = try await gateway.client.ready()
                #expect(
                    ready.status == 200 && !ready.text.contains("no sink reads") && !ready.text.contains("no route"))
            }
        }

        @Test func aMessageThatSlackCannotTakeIsFoundAmongTheOthers() async throws {
            let (slack, directory) = (try FakeSlack(), try TemporaryDirectory())
            try await withGateway(in: directory, slack: slack, configure: { Self.use(nil, &$0) }) { gateway in
                var commits = (0..<5).map { _ in StubCommit() }
                commits[3].message = "Slack cannot take this"
                slack.behave { request in
                    request.text.contains("Slack cannot take this") ? .status(400, body: "invalid_blocks") : .ordinary
                }
                #expect(try await gateway.client.push(commits).status == 202)
                try await eventually("the others are told") { slack.pushes.count == 4 }
                try await eventually("it is poisoned") {
                    try await gateway.client.metric(
                        "sluice_poisoned_total",
                        ["handler_name": "log-to-slack-pushes", "reason": "slack_invalid_blocks"]) == 1
                }
                #expect(slack.pushes[commits[3].id] == nil && slack.pushes.values.allSatisfy { $0 == 1 })
            }
            let poisoned = try await poisonedMessages(in: directory)
            #expect(
                poisoned.count == 1
                    && poisoned.allSatisfy {
                        String(decoding: $0.payload, as: UTF8.self).contains("Slack cannot take this")
                    })
        }

        @Test func onlyIsForBothParts() async throws {
            let (slack, directory) = (try FakeSlack(), try TemporaryDirectory())
            try await withGateway(in: directory, slack: slack) { configuration in
                Self.use(nil, &configuration)
                configuration.change("slack") {
                    $0.only = EventFilter([
                        .init(event: [.commitPushed], repository: ["acme/web-*"]), .init(event: [.deploymentFailed]),
                    ])
                }
            } _: { gateway in
                let (wanted, other) = ((0..<2).map { _ in StubCommit() }, (0..<2).map { _ in StubCommit() })
                #expect(try await gateway.client.push(other, repository: "acme/shop").status == 202)
                #expect(try await gateway.client.push(wanted, repository: "acme/web-1").status == 202)
                let deployments = Deployments()
                try await deployments.tell(gateway.client)
                try await deployments.tell(gateway.client, "failure")
                try await eventually("what is wanted") { slack.pushes.count == 2 && deployments.have(1, in: slack) }
                try await eventually("nothing waits") { try await Self.settled(gateway.client) }
                #expect(wanted.allSatisfy { slack.pushes[$0.id] == 1 } && slack.posts.count == 2)
            }
        }

        @Test func commandsActOnBothGroups() async throws {
            let (slack, directory) = (try FakeSlack(), try TemporaryDirectory())
            let program = try #require(SluiceProcess.executable).path
            func sluice(_ arguments: String...) async throws -> String {
                let run = try await runTool(
                    [program] + arguments + ["--data", directory.path + "/data"], in: directory)
                #expect(run.status == 0, "\(run.output)")
                return run.output
            }
            try await withGateway(in: directory, slack: slack, configure: { Self.use(nil, &$0) }) { gateway in
                let deployments = Deployments()
                #expect(try await sluice("pause", "slack").contains("slack is paused"))
                #expect(try await gateway.client.push((0..<2).map { _ in StubCommit() }).status == 202)
                try await deployments.tell(gateway.client)
                for route in ["log-to-slack", "log-to-slack-pushes"] {
                    #expect(
                        try await gateway.client.metric("sluice_route_paused", ["handler_name": route]) == 1)
                }
                let list = try await sluice("groups", "list")
                #expect(list.contains("log-to-slack ") && list.contains("log-to-slack-pushes "), "\(list)")
                let seek = try await sluice("groups", "seek", "log-to-slack", "--to", "end")
                #expect(
                    seek.contains("group log-to-slack of") && seek.contains("group log-to-slack-pushes of"), "\(seek)")
                #expect(try await sluice("resume", "log-to-slack-pushes").contains("slack goes on"))
                #expect(try await gateway.client.push((0..<3).map { _ in StubCommit() }).status == 202)
                try await eventually("what came afterwards") { slack.pushes.count == 3 }
                #expect(deployments.have(0, in: slack))
                let remove = try await sluice("groups", "remove", "log-to-slack-pushes")
                #expect(remove.contains("group log-to-slack of") && remove.contains("group log-to-slack-pushes of"))
            }
        }

        /// Gateways of one group are started anew one after the other, with a digest: what one reads whole, another does not read
        /// in parts.
        @Test func aGatewayWaitsUntilNoOtherReadsTheSinkOtherwise() async throws {
            let (slack, directory) = (try FakeSlack(), try TemporaryDirectory())
            let kafka = try KafkaForTests(realGroups: true)
            let old = try SluiceProcess(
                sinkEnvironment(nil, slack).merging(kafka.environment) { $1 }, in: try TemporaryDirectory())
            let client = try await old.client()
            #expect(try await client.push([StubCommit(), StubCommit()]).status == 202)
            try await eventually("the old one tells them") { slack.pushes.count == 2 }
            try await withGateway(in: directory, slack: slack, configure: { Self.use(kafka, &$0) }) { gateway in
                try await eventually("it waits for its group") {
                    try await gateway.client.ready().text.contains("log-to-slack-pushes: ")
                }
                let ready = try await gateway.client.ready()
                #expect(ready.status == 200 && gateway.log.contains("a sink waits for its group"), "\(ready.text)")
                #expect(try await gateway.client.push([StubCommit(), StubCommit()]).status == 202)
                try await eventually("the old one tells them") { slack.pushes.count == 4 }
                old.signal(SIGTERM)
                #expect(try await old.exitStatus() == 0)
                #expect(try await gateway.client.push([StubCommit(), StubCommit(), StubCommit()]).status == 202)
                try await eventually("the new one tells them") { slack.pushes.count == 7 }
                try await eventually("nothing waits") { try await Self.settled(gateway.client) }
            }
            #expect(slack.pushes.values.allSatisfy { $0 == 1 })
            #expect(slack.texts.contains { $0.contains(" commits to ") })
        }

        /// What one of the two groups had settled on the log is moved over for the other.
        @Test(arguments: [true, false])
        func kafkaBecomesTheQueueWhileOneGroupIsAhead(digest: Bool) async throws {
            let (slack, directory) = (try FakeSlack(), try TemporaryDirectory())
            let kafka = try KafkaForTests(realGroups: true)
            let deployments = Deployments()
            slack.refusePushes()
            try await withGateway(in: directory, slack: slack, configure: { Self.use(nil, &$0) }) { gateway in
                #expect(try await gateway.client.push((0..<3).map { _ in StubCommit() }).status == 202)
                for _ in 0..<2 { try await deployments.tell(gateway.client) }
                try await eventually("what is urgent is told") { deployments.have(2, in: slack) }
            }
            slack.behave { _ in .ordinary }
            try await withGateway(in: directory, slack: slack) { configuration in
                Self.use(kafka, &configuration)
                configuration.slack?.digest = digest
            } _: { gateway in
                try await eventually("the pushes are told") { slack.pushes.count == 3 }
                try await deployments.tell(gateway.client)
                try await eventually("everything is told") { deployments.have(3, in: slack) }
            }
            #expect(slack.pushes.values.allSatisfy { $0 == 1 })
            for commit in deployments.all { #expect(slack.texts.count { $0.contains(commit) } == 1) }
        }

        // MARK: On and off

        /// A gateway's file.
        private static func file(_ slack: FakeSlack, digest: Bool, onKafka: Bool) -> String {
            let kafka = """
                queue:
                  kind: kafka
                  brokers: "${KAFKA_BROKERS}"
                  topic: ${KAFKA_TOPIC}
                  group: ${KAFKA_GROUP}
                  partitions: 4
                  properties: "${KAFKA_PROPERTIES}"

                """
            return (onKafka ? kafka : "") + """
                sources:
                  github: {kind: github}
                  deployments: {kind: deployments}
                defaults:
                  throttle: {rate: 1000/s}
                  backoff: {transient: {from: 10ms, to: 100ms}}
                  budget: {floor: 50/s}
                  breaker: {open: {from: 10ms, to: 100ms}}
                sinks:
                  slack:
                    kind: slack
                    webhook: "\(slack.url)\(FakeSlack.path)"
                    digest: \(digest)
                """ + "\n"
        }

        /// One step of a test: another configuration is put in force, and something is done then.
        private struct Step: Sendable {
            let digest: Bool
            let body: @Sendable (GatewayClient) async throws -> Void
        }

        /// Goes through the steps in one gateway, or in one after the other.
        private static func run(
            _ slack: FakeSlack, _ kafka: KafkaForTests?, byReload: Bool, _ steps: [Step]
        ) async throws {
            let file = try FileForTests(Self.file(slack, digest: steps[0].digest, onKafka: kafka != nil))
            let environment = kafka?.environment ?? [:]
            guard !byReload else {
                return try await file.run(environment) { gateway in
                    for step in steps {
                        try file.write(Self.file(slack, digest: step.digest, onKafka: kafka != nil))
                        try await gateway.gateway.reload()
                        try await eventually("its routes read") {
                            let text = try await gateway.client.ready().text
                            return !text.contains("log-to-slack")
                        }
                        try await step.body(gateway.client)
                    }
                }
            }
            for step in steps {
                try file.write(Self.file(slack, digest: step.digest, onKafka: kafka != nil))
                try await file.run(environment) { gateway in try await step.body(gateway.client) }
            }
        }

        /// While pushes wait, what is urgent goes on; the group that is ahead waits for the other when they become one.
        @Test(arguments: [(false, true), (false, false), (true, true), (true, false)])
        func onAndOffLosesAndDoublesNothing(_ onKafka: Bool, _ byReload: Bool) async throws {
            let slack = try FakeSlack()
            let kafka = onKafka ? try KafkaForTests(realGroups: true) : nil
            let deployments = Deployments()
            let pushed = Mutex<[String]>([])
            @Sendable func push(_ client: GatewayClient, _ count: Int) async throws {
                let commits = (0..<count).map { _ in StubCommit() }
                #expect(try await client.push(commits, repository: "acme/shop").status == 202)
                pushed.withLock { $0 += commits.map(\.id) }
            }
            @Sendable func has(_ client: GatewayClient, _ count: Int) async throws {
                try await eventually("\(count) deployments are told; \(slack.texts.count) texts") {
                    deployments.have(count, in: slack)
                }
            }
            try await Self.run(
                slack, kafka, byReload: byReload,
                [
                    Step(digest: false) { client in
                        try await push(client, 3)
                        try await deployments.tell(client)
                        try await has(client, 1)
                        try await eventually("they are told") { slack.pushes.count == 3 }
                        slack.refusePushes()
                    },
                    Step(digest: true) { client in
                        try await push(client, 4)
                        try await deployments.tell(client)
                        try await deployments.tell(client)
                        try await has(client, 3)
                        try await push(client, 2)
                        try await deployments.tell(client, "failure")
                        try await has(client, 4)
                    },
                    Step(digest: false) { client in
                        try await deployments.tell(client)
                        try await push(client, 2)
                    },
                    // In the middle of it.
                    Step(digest: true) { client in try await has(client, 5) },
                    Step(digest: false) { client in
                        slack.behave { _ in .ordinary }
                        try await deployments.tell(client)
                        try await has(client, 6)
                        try await eventually("every push is told") { slack.pushes.count == 11 }
                    },
                    Step(digest: false) { client in
                        try await push(client, 1)
                        try await eventually("it is told") { slack.pushes.count == 12 }
                        try await eventually("nothing waits") {
                            let metrics = try await client.metrics()
                            return metrics.samples.filter { sample in
                                sample.name == "sluice_consumer_lag_messages"
                                    && sample.labels.contains { $0.value == "log-to-slack" }
                            }.allSatisfy { $0.value == 0 }
                        }
                        #expect(!(try await client.ready().text.contains("-pushes")))
                    },
                ])
            #expect(Set(pushed.withLock(\.self)) == Set(slack.pushes.keys))
            #expect(slack.pushes.values.allSatisfy { $0 == 1 }, "\(slack.texts)")
            for commit in deployments.all {
                #expect(slack.texts.count { $0.contains(commit) } == 1, "\(slack.texts)")
            }
        }
    }
}

extension EndToEndUnderLoad {
    /// A sink with a digest in a program that is killed again and again.
    struct DigestCrashTests {
        private static func file(_ slack: FakeSlack, digest: Bool) -> String {
            """
            sources:
              github: {kind: github}
            defaults:
              throttle: {rate: 200/s}
              breaker: {open: {from: 10ms, to: 100ms}}
            sinks:
              slack:
                kind: slack
                webhook: "\(slack.url)\(FakeSlack.path)"
                digest: \(digest)
            """ + "\n"
        }

        /// With `make soak` a hundred kills, else some.
        @Test(.timeLimit(.minutes(30)))
        func noEventIsLeftOutWhileItIsKilledAndSwitchedOnAndOffForLong() async throws {
            let (slack, directory) = (try FakeSlack(), try TemporaryDirectory())
            let kills = max(6, Soak.count(100))
            let load = PushLoad(pace: .milliseconds(10)) { slack.pushes.count }
            let file = URL(fileURLWithPath: directory.path + "/sluice.yaml")
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<6 { group.addTask { await load.run(number) } }
                defer { load.end() }
                for number in 0...kills {
                    try Data(Self.file(slack, digest: number % 3 != 2).utf8).write(to: file)
                    let process = try SluiceProcess([:], ["run", "--config", file.path], in: directory)
                    let client = try await process.client()
                    let (before, told) = (load.count, slack.pushes.count)
                    guard number < kills else {
                        try await eventually("everything accepted is told") {
                            let pushes = slack.pushes
                            return load.accepted.allSatisfy { pushes[$0] != nil }
                        }
                        let metrics = try await client.metrics()
                        #expect(
                            metrics.samples.filter { $0.name == "sluice_unaccounted_messages" }.allSatisfy {
                                $0.value == 0
                            })
                        process.signal(SIGTERM)
                        #expect(try await process.exitStatus() == 0)
                        break
                    }
                    load.send(to: client)
                    try await eventually("load") { load.count > before + 40 && slack.pushes.count > told + 20 }
                    process.signal(SIGKILL)
                    #expect(try await process.exitStatus() == -SIGKILL)
                    load.send(to: nil)
                }
            }
            let doubled = slack.pushes.values.reduce(0) { $0 + $1 - 1 }
            print("kill -9, \(kills) times: \(load.accepted.count) accepted, \(doubled) told twice in a digest")
            // One post is in hand at each kill, of the two commits of a webhook.
            #expect(doubled <= 2 * kills)
            #expect(slack.texts.contains { $0.contains(" commits to ") })
        }
    }
}
