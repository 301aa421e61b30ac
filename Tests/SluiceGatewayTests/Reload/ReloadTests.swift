import Foundation
import GatewayTestSupport
import Sluice
import SluiceTesting
import Testing

@testable import SluiceGateway

extension EndToEnd {
    /// Another configuration comes into force while a gateway runs by a file.
    @Suite(.timeLimit(.minutes(10)))
    struct ReloadTests {
        /// A sink, as a section has it.
        private static func sink(_ name: String, _ slack: FakeSlack, _ more: String = "") -> String {
            "  \(name): {kind: slack, webhook: \"\(slack.url)\(FakeSlack.path)\"\(more)}\n"
        }

        private static func file(rate: Int = 1_000, _ sinks: String...) -> String {
            """
            sources:
              github: {kind: github}
            defaults:
              throttle: {rate: \(rate)/s}
              backoff: {transient: {from: 10ms, to: 100ms}}
              breaker: {open: {from: 10ms, to: 100ms}}
            sinks:

            """ + sinks.joined()
        }

        private static func push(_ gateway: FileGateway, _ count: Int = 5) async throws -> [StubCommit] {
            let commits = (0..<count).map { _ in StubCommit() }
            #expect(try await gateway.client.push(commits).status == 202)
            return commits
        }

        private static func has(_ slack: FakeSlack, _ commits: [StubCommit]) -> Bool {
            commits.allSatisfy { slack.pushes[$0.id] == 1 }
        }

        @Test func aNumberIsInForceAndNothingElseIsTouched() async throws {
            let slack = try FakeSlack()
            let file = try FileForTests(Self.file(Self.sink("chat", slack)))
            try await file.run { gateway in
                let before = try #require(gateway.gateway.sinks.all.first)
                try file.replace(Self.file(rate: 77, Self.sink("chat", slack)))
                try await eventually("77 a second") { gateway.destination("chat").rate == 77 }
                let after = try #require(gateway.gateway.sinks.all.first)
                #expect(before.destination === after.destination)
                #expect(before.policies.retry === after.policies.retry)
                try await eventually("it is counted") {
                    try await gateway.metric("sluice_config_reloads_total", ["result": "success"]) == 2
                }
                #expect(try await gateway.metric("sluice_config_last_reload_successful") == 1)
                let labels = ["destination": "chat", "policy": "throttle.rate"]
                #expect(try await gateway.metric("sluice_policy_value", labels) == 77)
                #expect(
                    try await gateway.metric("sluice_policy_info", labels.merging(["origin": "defaults"]) { $1 }) == 1)
                #expect(gateway.log.contains("destinations.chat.throttle.rate: 1000/s → 77/s"), "\(gateway.log)")
                #expect(!gateway.log.contains("a sink begins"))
            }
        }

        @Test func sinksComeAndGoWithoutTouchingOthers() async throws {
            let (first, second) = (try FakeSlack(), try FakeSlack())
            let file = try FileForTests(Self.file(Self.sink("first", first)))
            try await file.run { gateway in
                let before = try await Self.push(gateway)
                try await eventually("the first has them") { Self.has(first, before) }
                let running = try #require(gateway.gateway.sinks.all.first)
                try file.replace(Self.file(Self.sink("first", first), Self.sink("second", second)))
                try await eventually("two sinks") { gateway.log.contains("handler_name=log-to-second") }
                let meanwhile = try await Self.push(gateway)
                try await eventually("both have them") { Self.has(first, meanwhile) && Self.has(second, meanwhile) }
                try await gateway.gateway.reload()
                try file.replace(Self.file(Self.sink("first", first)))
                try await eventually("one sink") { gateway.gateway.sinks.all.map(\.sink.name) == ["first"] }
                let after = try await Self.push(gateway)
                try await eventually("the first has them") { Self.has(first, after) }
                #expect(running.destination === gateway.gateway.sinks.all.first?.destination)
                #expect(second.pushes.count == meanwhile.count)
                #expect(first.pushes.values.allSatisfy { $0 == 1 })
            }
        }

        @Test func aSinkIsRenamedWithItsGroup() async throws {
            let slack = try FakeSlack()
            let file = try FileForTests(Self.file(Self.sink("old", slack)))
            try await file.run { gateway in
                var commits = try await Self.push(gateway)
                try await eventually("they are delivered") { Self.has(slack, commits) }
                slack.behave { _ in .status(503) }
                commits += try await Self.push(gateway)
                try file.replace(Self.file(Self.sink("new", slack, ", group: log-to-old")))
                try await eventually("it has another name") { gateway.gateway.sinks.all.map(\.sink.name) == ["new"] }
                slack.behave { _ in .ordinary }
                commits += try await Self.push(gateway)
                try await eventually("everything is delivered") { Self.has(slack, commits) }
                #expect(slack.pushes.count == commits.count)
            }
        }

        @Test func optionsAndFiltersChangeByARestartOfTheRoute() async throws {
            let (first, second) = (try FakeSlack(), try FakeSlack())
            let file = try FileForTests(Self.file(Self.sink("chat", first)))
            try await file.run { gateway in
                let before = try await Self.push(gateway)
                try await eventually("they are delivered") { Self.has(first, before) }
                try file.replace(Self.file(Self.sink("chat", second)))
                try await eventually("its route was made anew") {
                    gateway.log.contains("the configuration was reloaded")
                }
                let after = try await Self.push(gateway)
                try await eventually("the other has them") { Self.has(second, after) }
                #expect(first.pushes.count == before.count)
                try file.write(
                    Self.file(Self.sink("chat", second, ", only: [{event: [deploymentFailed]}]")))
                try await gateway.gateway.reload()
                _ = try await Self.push(gateway)
                try await eventually("they are passed over") {
                    try await gateway.metric(
                        "sluice_deliveries_total", ["handler_name": "log-to-chat", "outcome": "filtered"]) == 5
                }
                #expect(second.pushes.count == after.count)
            }
        }

        @Test func aBadFileIsRefusedWholeAndTheOldOneGoesOn() async throws {
            let slack = try FakeSlack()
            let good = Self.file(Self.sink("chat", slack))
            let file = try FileForTests(good)
            try await file.run { gateway in
                try file.replace(Self.file(rate: 5, Self.sink("chat", slack, ", ordring: serial")))
                try await eventually("it is refused") {
                    try await gateway.metric("sluice_config_last_reload_successful") == 0
                }
                #expect(gateway.destination("chat").rate == 1_000)
                #expect(gateway.log.contains("sluice.yaml:8:"), "\(gateway.log)")
                #expect(gateway.log.contains("the key ordring is not known here: was ordering meant?"))
                #expect(!gateway.log.contains("secret-of-slack"))
                let ready = try await gateway.client.ready()
                #expect(ready.status == 200 && ready.text.contains("the last reload was refused"), "\(ready.text)")
                let commits = try await Self.push(gateway)
                try await eventually("events are delivered all the same") { Self.has(slack, commits) }
                for number in 0..<100 {
                    try file.write(good.replacing("kind: slack", with: "kind: slack\(number)"))
                    await #expect(throws: FileFaults.self) { try await gateway.gateway.reload() }
                }
                try file.replace(Self.file(rate: 6, Self.sink("chat", slack)))
                try await eventually("the good one is in force") { gateway.destination("chat").rate == 6 }
                try await eventually("that is shown") {
                    try await gateway.metric("sluice_config_last_reload_successful") == 1
                }
                #expect(try await gateway.client.ready().text.contains("refused") == false)
            }
        }

        @Test func whatBelongsToTheProcessWaitsForARestart() async throws {
            let slack = try FakeSlack()
            let file = try FileForTests(Self.file(Self.sink("chat", slack)))
            try await file.run { gateway in
                try file.replace(
                    Self.file(rate: 7, Self.sink("chat", slack)) + "process: {shutdown_timeout: 3s}\n")
                try await eventually("the rest is in force") { gateway.destination("chat").rate == 7 }
                try await eventually("that is told") {
                    try await gateway.client.ready().text.contains(
                        "a restart is needed for process.shutdown_timeout: 20s → 3s")
                }
                // Taken back, nothing is needed.
                try file.replace(Self.file(rate: 8, Self.sink("chat", slack)))
                try await eventually("no more") {
                    try await gateway.client.ready().text.contains("a restart is needed") == false
                }
            }
        }

        /// Five messages wait for the sink `chat`, which answers 503.
        private static func letFiveWait(for slack: FakeSlack, _ gateway: FileGateway) async throws {
            slack.behave { _ in .status(503) }
            _ = try await push(gateway)
            try await eventually("they wait") {
                try await gateway.metric(
                    "sluice_consumer_lag_messages", ["handler_name": "log-to-chat", "topic": "events"]) == 5
            }
        }

        @Test func whatWasRefusedForWaitingMessagesIsTakenOnceTheyAreDelivered() async throws {
            let slack = try FakeSlack()
            let file = try FileForTests(Self.file(Self.sink("chat", slack), Self.sink("other", slack)))
            try await file.run { gateway in
                try await Self.letFiveWait(for: slack, gateway)
                try file.replace(Self.file(Self.sink("other", slack)))
                try await eventually("it is refused") { gateway.log.contains("and 5 messages wait") }
                slack.behave { _ in .ordinary }
                try await eventually("it is taken") { gateway.gateway.sinks.all.map(\.sink.name) == ["other"] }
                #expect(gateway.log.components(separatedBy: "was not reloaded").count == 2)
            }
        }

        @Test func theWatcherRefusesWhatIsHardlyMeantAndARequestTakesIt() async throws {
            let slack = try FakeSlack()
            let file = try FileForTests(Self.file(Self.sink("chat", slack), Self.sink("other", slack)))
            try await file.run { gateway in
                try await Self.letFiveWait(for: slack, gateway)
                let without = Self.file(Self.sink("other", slack))
                try file.replace(without)
                try await eventually("it is refused") {
                    gateway.log.contains(
                        "group log-to-chat: no sink reads it, and 5 messages wait: write `group: log-to-chat`")
                }
                #expect(gateway.gateway.sinks.all.count == 2)
                try await gateway.gateway.reload()
                #expect(gateway.gateway.sinks.all.map(\.sink.name) == ["other"])
                try file.replace(without + "queue: {retention: 5d}\n")
                try await eventually("the queue stays") { gateway.log.contains("it changes the queue") }
                #expect(try await gateway.metric("sluice_config_last_reload_successful") == 0)
                try await gateway.gateway.reload()
                #expect(try await gateway.client.ready().text.contains("a restart is needed for queue.retention"))
                slack.behave { _ in .ordinary }
            }
        }
    }
}
