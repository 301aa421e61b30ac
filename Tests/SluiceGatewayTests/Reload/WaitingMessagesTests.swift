import Foundation
import GatewayTestSupport
import Sluice
import SluiceTesting
import Testing

@testable import SluiceGateway

extension EndToEnd {
    /// Messages wait while the configuration moves to a file or a sink gets another name: each is delivered, once.
    @Suite(.timeLimit(.minutes(10)))
    struct WaitingMessagesTests {
        private static let remedy = "write `group: log-to-old`"
        private static let note = "group log-to-old: no sink reads it, and 5 messages wait: \(remedy)"

        let slack: FakeSlack

        init() throws {
            slack = try FakeSlack()
        }

        /// Its address comes by the variable that makes a sink without a file.
        private static func file(_ queue: QueueUnderTest, _ name: String, _ more: String = "") -> String {
            queue.section + """
                sources:
                  github: {kind: github}
                defaults:
                  throttle: {rate: 1000/s}
                  backoff: {transient: {from: 10ms, to: 100ms}}
                  breaker: {open: {from: 10ms, to: 100ms}}
                sinks:
                  \(name): {kind: slack, webhook: "${SLACK_WEBHOOK_URL}"\(more)}

                """
        }

        private func environment(_ queue: QueueUnderTest) -> [String: String] {
            queue.environment.merging(sinkEnvironment(nil, slack)) { $1 }
        }

        private func push(_ count: Int, to gateway: FileGateway) async throws {
            let commits = (0..<count).map { _ in StubCommit() }
            #expect(try await gateway.client.push(commits).status == 202)
        }

        private func deliver(_ count: Int, by gateway: FileGateway) async throws {
            let before = slack.posts.count
            try await push(count, to: gateway)
            try await eventually("they are in Slack") { slack.posts.count == before + count }
        }

        /// From now on Slack takes nothing, and so many messages wait for the group.
        private func letWait(_ count: Int, for group: String, in gateway: FileGateway) async throws {
            slack.behave { _ in .status(503) }
            try await push(count, to: gateway)
            try await eventually("\(count) wait for \(group)") {
                try await gateway.waiting(for: group) == Double(count)
            }
        }

        /// What `sluice diff` says of the file.
        private func diff(_ file: FileForTests) async throws -> String {
            try await DiffTool(directory: file.directory.path + "/data").changes(of: file.path).text
        }

        private func expectOnce(_ count: Int) {
            #expect(slack.posts.count == count)
            #expect(slack.pushes.count == count && slack.pushes.values.allSatisfy { $0 == 1 })
        }

        @Test(arguments: QueueUnderTest.Kind.allCases)
        func fromTheEnvironmentToAFile(_ kind: QueueUnderTest.Kind) async throws {
            let queue = try QueueUnderTest(kind)
            defer { withExtendedLifetime(queue) {} }
            let file = try FileForTests(Self.file(queue, "slack"))
            try await file.runByEnvironment(environment(queue)) { gateway in
                try await deliver(2, by: gateway)
                try await letWait(5, for: "log-to-slack", in: gateway)
            }
            slack.behave { _ in .ordinary }
            try await file.run(environment(queue)) { gateway in
                try await eventually("what waited is in Slack") { slack.posts.count == 7 }
                try await deliver(2, by: gateway)
                try await eventually("nothing waits") { try await gateway.waiting(for: "log-to-slack") == 0 }
                let ready = try await gateway.client.ready().text
                #expect(!ready.contains("no sink reads it") && !ready.contains("is new here"), "\(ready)")
            }
            expectOnce(9)
        }

        @Test(arguments: QueueUnderTest.Kind.allCases)
        func aSinkThatIsRenamedWithItsGroupGoesOn(_ kind: QueueUnderTest.Kind) async throws {
            let queue = try QueueUnderTest(kind)
            defer { withExtendedLifetime(queue) {} }
            let file = try FileForTests(Self.file(queue, "old"))
            try await file.run(environment(queue)) { gateway in
                try await deliver(2, by: gateway)
                try await letWait(5, for: "log-to-old", in: gateway)
                try file.replace(Self.file(queue, "new", ", group: log-to-old"))
                try await eventually("it has another name") { gateway.gateway.sinks.all.map(\.sink.name) == ["new"] }
                slack.behave { _ in .ordinary }
                try await eventually("what waited is in Slack") { slack.posts.count == 7 }
                try await letWait(3, for: "log-to-old", in: gateway)
            }
            slack.behave { _ in .ordinary }
            // Over a restart, too.
            try file.write(Self.file(queue, "third", ", group: log-to-old"))
            try await file.run(environment(queue)) { gateway in
                try await eventually("what waited is in Slack") { slack.posts.count == 10 }
                try await deliver(1, by: gateway)
            }
            expectOnce(11)
        }

        @Test(arguments: QueueUnderTest.Kind.allCases)
        func aSinkThatIsRenamedWithoutItsGroupLeavesThemAndTheLineToWriteIsNamed(
            _ kind: QueueUnderTest.Kind
        ) async throws {
            let queue = try QueueUnderTest(kind)
            defer { withExtendedLifetime(queue) {} }
            let file = try FileForTests(Self.file(queue, "old"))
            try await file.run(environment(queue)) { gateway in
                try await deliver(2, by: gateway)
                try await letWait(5, for: "log-to-old", in: gateway)
                try file.replace(Self.file(queue, "new"))
                try await eventually("it is refused") {
                    gateway.log.contains(Self.note)
                }
                #expect(gateway.gateway.sinks.all.map(\.sink.name) == ["old"])
                #expect(try await diff(file).contains("warning: \(Self.note)"))
            }
            slack.behave { _ in .ordinary }
            // A start takes the file, since a person has asked for it.
            try await file.run(environment(queue)) { gateway in
                try await eventually("the note") {
                    let ready = try await gateway.client.ready()
                    return ready.text.contains("group log-to-old") && ready.text.contains("5 messages wait")
                        && ready.text.contains(Self.remedy)
                }
                #expect(gateway.log.contains(Self.remedy))
                let attempts = try await ConnectionTool(
                    file.read(environment(queue).merging(file.ofProcess) { $1 })
                ).tryAll()
                #expect(attempts.contains { !$0.isReachable && $0.text.hasPrefix(Self.note) }, "\(attempts)")
                #expect(try await diff(file).contains("warning: \(Self.note)"))
                #expect(slack.posts.count == 2)
                try file.replace(Self.file(queue, "new", ", group: log-to-old"))
                try await eventually("what waited is in Slack") { slack.posts.count == 7 }
                try await eventually("no note") {
                    try await !gateway.client.ready().text.contains("log-to-old")
                }
                try await deliver(2, by: gateway)
            }
            expectOnce(9)
        }
    }
}
