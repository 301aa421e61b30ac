import Foundation
import GatewayTestSupport
import Sluice
import SluiceMetrics
import SluicePrometheus
import SluiceSQLite
import SluiceTesting
import Testing

@testable import SluiceGateway

extension EndToEnd {
    /// Groups of the log that nothing reads.
    struct IdleGroupTests {
        /// As the first start without sinks leaves it: a group that read, and is no route any more.
        private func leave(_ group: String, topic: Topic = "events", in directory: TemporaryDirectory) async throws {
            let data = directory.path + "/data"
            try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
            let log = try SQLiteLog.open(.init(path: data + "/events.sqlite"))
            try await log.publisher().publish([Message(payload: [])], to: topic)
            let subscriber = log.subscriber(group: group)
            _ = try await subscriber.subscribe(to: topic)
            await log.close()
        }

        @Test func aGroupThatNothingReadsIsShownUntilItIsRemoved() async throws {
            let (slack, directory) = (try FakeSlack(), try TemporaryDirectory())
            try await leave("log-to-console", in: directory)
            // People read the poison queue now and then, and no route does: that is no fault.
            try await leave("poison", topic: "poison", in: directory)
            try await withGateway(in: directory, slack: slack) { gateway in
                try await eventually("a note") {
                    let answer = try await gateway.client.ready()
                    return answer.status == 200
                        && answer.text.contains(
                            "group log-to-console of topic events: no route and no process reads it; 1 messages wait")
                }
                #expect(!(try await gateway.client.ready().text.contains("group poison")))
                #expect(!(try await gateway.client.ready().text.contains("group log-to-slack")))
                let metrics = try await gateway.client.metrics()
                #expect(metrics.value("sluice_idle_groups", [:]) == 1)
                #expect(metrics.value("sluice_idle_group_messages", [:]) == 1)
                #expect(metrics.value("sluice_poison_dropped_total", ["topic": "poison"]) == 0)
                #expect(metrics.value("sluice_clock_doubted", [:]) == 0)
                let lines = gateway.log.split(separator: "\n").filter {
                    $0.contains("a group is read by no route and no process")
                }
                #expect(lines.count == 1)

                let tool = GroupsTool(directory: directory.path + "/data")
                // The gateway does it: its route reads the group.
                #expect(
                    try await tool.seek("log-to-slack", topic: nil, to: "end")
                        == "group log-to-slack of topic events goes on behind offset 1: 0 messages wait")
                #expect(
                    try await tool.remove("log-to-console", topic: nil)
                        == "group log-to-console of topic events is removed")
                try await eventually("no note") {
                    try await gateway.client.metric("sluice_idle_groups", [:]) == 0
                }
                #expect(!(try await gateway.client.ready().text.contains("log-to-console")))
            }
        }

        /// As a machine that starts long ahead of its time.
        @Test func aClockInDoubtIsShown() async throws {
            let (slack, directory) = (try FakeSlack(), try TemporaryDirectory())
            try await leave("log-to-slack", in: directory)
            let file = directory.path + "/data/events.sqlite"
            let past = Timestamp.now().millisecondsSince1970 - 300 * 86_400_000
            try await run(
                "sqlite3", file, "INSERT OR REPLACE INTO clock VALUES (1, \(past), \(past), 0, 0)")
            try await withGateway(in: directory, slack: slack, configure: { $0.retention = .seconds(86_400) }) {
                gateway in
                let answer = try await gateway.client.ready()
                #expect(answer.status == 200)
                #expect(
                    answer.text.contains(
                        "retention: the system clock is not believed: it is 300 days ahead of the time that was known"))
                #expect(try await gateway.client.metric("sluice_clock_doubted", [:]) == 1)
                #expect(gateway.log.contains("retention waits"))
            }
        }

        private func run(_ arguments: String...) async throws {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            process.arguments = arguments
            try process.run()
            process.waitUntilExit()
            #expect(process.terminationStatus == 0)
        }
    }
}

struct GroupsToolTests {
    @Test func listsMovesAndRemoves() async throws {
        let directory = try TemporaryDirectory()
        let tool = GroupsTool(directory: directory.path)
        #expect(throws: ToolError.self) { _ = try tool.table() }
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path).isEmpty)
        let log = try SQLiteLog.open(.init(path: directory.path + "/events.sqlite"))
        for topic in ["events", "poison"] as [Topic] {
            try await log.publisher().publish((0..<5).map { _ in Message(payload: []) }, to: topic)
        }
        for (group, topic) in [("a", "events"), ("b", "events"), ("b", "poison")] {
            let subscriber = log.subscriber(group: group)
            _ = try await subscriber.subscribe(to: Topic(topic))
        }
        await log.close()

        #expect(
            try await tool.seek("a", topic: nil, to: "4")
                == "group a of topic events goes on behind offset 3: 2 messages wait")
        #expect(try await tool.seek("a", topic: "events", to: "end").hasSuffix("behind offset 5: 0 messages wait"))
        #expect(try await tool.seek("a", topic: "events", to: "1970-01-01T00:00:00Z").hasSuffix("5 messages wait"))
        await #expect(throws: ToolError.self) { _ = try await tool.seek("b", topic: nil, to: "end") }
        await #expect(throws: ToolError.self) { _ = try await tool.seek("c", topic: nil, to: "end") }
        await #expect(throws: ToolError.self) { _ = try await tool.seek("a", topic: "poison", to: "end") }
        for text in ["", "-1", "tomorrow", "99999999999999999999"] {
            #expect(throws: ToolError.self) { _ = try GroupsTool.position(text) }
        }
        _ = try await tool.remove("b", topic: "poison")
        let table = try tool.table().split(separator: "\n")
        #expect(table.count == 3)
        #expect(table[0].hasPrefix("TOPIC   GROUP  BACKLOG  OLDEST PENDING"))
        #expect(table[1].hasPrefix("events  a      5        20"))
        #expect(table[2].hasSuffix("  -"))
        let lines = try tool.lines().split(separator: "\n")
        #expect(lines.count == 2)
        #expect(lines[1].hasPrefix(#"{"topic":"events","group":"b","backlog":5,"settled_through":0,"oldest_pending":"#))
    }
}

struct LogKeeperTests {
    @Test func poisonThatIsDroppedIsCountedAndLogged() async throws {
        let directory = try TemporaryDirectory()
        let backend = PrometheusBackend()
        let recorder = LogRecorder()
        var configuration = GatewayConfiguration()
        configuration.poisonRetention = 10_000
        let keeper = LogKeeper(configuration, backend.instruments, logger: recorder.logger)
        let log = try keeper.open(directory.path + "/events.sqlite", configuration)
        try await log.publisher().publish(
            (0..<20).map { _ in Message(payload: .init(repeating: 1, count: 952)) }, to: "poison")
        #expect(try await log.retain() == 10)
        let scrape = backend.registry.scrape(accept: nil, acceptEncoding: nil)
        let metrics = Exposition(scrape.body, format: .text)
        #expect(metrics.value("sluice_poison_dropped_total", ["topic": "poison"]) == 10)
        #expect(recorder.text.contains("error the topic was too large: its oldest messages were dropped unread"))
        await log.close()
    }
}
