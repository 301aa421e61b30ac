import Foundation
import GatewayTestSupport
import Logging
import Sluice
import SluiceKafka
import SluiceSQLite
import SluiceTesting
import Synchronization
import Testing

@testable import SluiceGateway

@Suite(.timeLimit(.minutes(5))) struct LogTailTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private var path: String { directory.path + "/log.sqlite" }

    private final class Text: Sendable {
        private let bytes = Mutex<[UInt8]>([])

        var lines: [String] {
            bytes.withLock { String(decoding: $0, as: UTF8.self) }.split(separator: "\n").map { String($0) }
        }

        func add(_ more: [UInt8]) { bytes.withLock { $0 += more } }
    }

    private func event(_ number: Int, environment: String = "staging") -> Message {
        Event.commitDeployed(
            Deployment(
                id: String(0xabc0000 + number, radix: 16), env: environment,
                occurredOn: Timestamp(millisecondsSince1970: 0), service: "shop")
        ).message()
    }

    private func logged(_ message: Message, second: Int) -> LoggedMessage {
        LoggedMessage(message: message, timestamp: Timestamp(millisecondsSince1970: Int64(second) * 1_000))
    }

    private func write(_ messages: [LoggedMessage], to topic: Topic = "events") async throws {
        let log = try SQLiteLog.open(SQLiteLog.Configuration(path: path))
        try await log.publisher().restore(messages, to: topic)
        await log.close()
    }

    private func tail(_ topic: Topic? = nil, _ change: (inout LogTailTool) -> Void = { _ in }) async throws -> [String]
    {
        var tool = LogTailTool(.file(path), topic: topic)
        change(&tool)
        let text = Text()
        try await tool.run { text.add($0) }
        return text.lines
    }

    @Test func showsTheNewestAsReadableLines() async throws {
        try await write((1...30).map { logged(event($0), second: $0) })
        let lines = try await tail()
        #expect(lines.count == 10)
        #expect(lines.last == "1970-01-01T00:00:30.000Z  Commit abc001e deployed to staging (shop)")
        #expect(lines.first?.contains("abc0015") == true)
        #expect(try await tail { $0.lines = 3 } == lines.suffix(3))
        #expect(try await tail { $0.lines = 0 } == [])
        #expect(try await tail { $0.lines = 1_000 }.count == 30)
    }

    /// Further back than one piece of reading.
    @Test func findsTheNewestThatMatchHoweverFarBackTheyAre() async throws {
        let messages = (1...2_000).map { number in
            logged(event(number, environment: number % 700 == 5 ? "production" : "staging"), second: number)
        }
        try await write(messages)
        let only = try EventFilter(words: ["environment=production"])
        let lines = try await tail { tool in
            tool.only = only
            tool.lines = 2
        }
        #expect(lines.map { $0.prefix(24) } == ["1970-01-01T00:11:45.000Z", "1970-01-01T00:23:25.000Z"])
        #expect(try await tail { $0.only = only }.count == 3)
        let since = Timestamp(millisecondsSince1970: 706_000)
        let recent = try await tail { tool in
            (tool.only, tool.since, tool.lines) = (only, since, nil)
        }
        #expect(recent == [lines[1]])
        let all = try await tail { tool in (tool.since, tool.lines) = (since, nil) }
        #expect(all.count == 2_000 - 705)
    }

    @Test func showsWhyAMessageWasPoisonedAndWhatIsNoEvent() async throws {
        var poisoned = event(1)
        poisoned.metadata[PoisonMetadata.reason] = "no such\u{1B}[2J channel\nmore"
        poisoned.metadata[PoisonMetadata.handler] = "log-to-slack"
        let other = Message(id: "an id", payload: Array("{\"a\":\"\(String(repeating: "x", count: 500))\u{1B}\"}".utf8))
        try await write([logged(poisoned, second: 1), logged(other, second: 2)], to: "poison")
        let lines = try await tail("poison")
        #expect(
            lines.first == "1970-01-01T00:00:01.000Z  Commit abc0001 deployed to staging (shop)  "
                + "poisoned by log-to-slack: no such\u{FFFD}[2J channel")
        #expect(lines.last?.hasPrefix("1970-01-01T00:00:02.000Z  message an id: {\"a\":\"xxx") == true)
        #expect(lines.last?.hasSuffix("x…") == true)
    }

    @Test func followsWhatComes() async throws {
        try await write([logged(event(1), second: 1)])
        let text = Text()
        let log = try SQLiteLog.open(SQLiteLog.Configuration(path: path))
        try await withThrowingTaskGroup(of: Void.self) { group in
            var tool = LogTailTool(.file(path), topic: nil)
            tool.follows = true
            tool.only = try EventFilter(words: ["environment=staging|production"])
            group.addTask { [tool] in try await tool.run { text.add($0) } }
            try await eventually("the first") { text.lines.count == 1 }
            try await log.publisher().publish(
                [event(2), event(3, environment: "test"), event(4, environment: "production")], to: "events")
            try await eventually("what has come; \(text.lines)") { text.lines.count == 3 }
            group.cancelAll()
        }
        await log.close()
        #expect(text.lines.last?.contains("abc0004 deployed to production") == true)
    }

    @Test func saysWhatIsMissing() async throws {
        try await write([])
        await #expect(throws: ToolError.self) { try await tail("none") }
        let error = await #expect(throws: SQLiteLogError.self) {
            try await LogTailTool(.file(directory.path + "/none"), topic: nil).run { _ in }
        }
        #expect(error?.code == .cannotOpen)
    }

    // MARK: Kafka

    @Test func kafkaTellsTopicsAndGroupsAndIsFollowed() async throws {
        let kafka = try KafkaForTests()
        var configuration = GatewayConfiguration()
        kafka.use(in: &configuration)
        let location = LogLocation.kafka(try #require(configuration.kafka))
        let topics = try KafkaTopics(kafka.client, logger: Logger(label: "test"))
        try await topics.create(Topic(kafka.topic), partitions: 4, replication: nil, retention: nil)
        let publisher = try KafkaPublisher(kafka.client, key: Event.orderingKeySelector)
        try await publisher.publish((1...20).map { event($0) }, to: Topic(kafka.topic))
        let group = try #require(configuration.kafka).group(of: "log-to-slack")
        try await topics.seek(group, of: Topic(kafka.topic), to: .beginning)
        await topics.close()
        let summary = try await LogSummaryTool(location).read(groups: true)
        #expect(summary.topics.first?.messages == 20 && summary.topics.first?.partitions == 4)
        #expect(summary.groups.map(\.group) == [group] && summary.groups.first?.backlog == 20)
        #expect(summary.topicTable.contains("4 partitions"))

        let text = Text()
        var tool = LogTailTool(location, topic: nil)
        tool.lines = nil
        // A mock cluster finds no offset by a time.
        if kafka.mock == nil {
            tool.since = Timestamp.now().advanced(by: .seconds(-3_600))
            try await tool.run { text.add($0) }
            #expect(text.lines.count == 20)
        }
        tool.since = nil
        tool.follows = true
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [tool] in try await tool.run { text.add($0) } }
            try await eventually("what comes once it follows") {
                try await publisher.publish([event(77)], to: Topic(kafka.topic))
                return text.lines.last?.contains("abc004d deployed to staging") == true
            }
            group.cancelAll()
        }
        let error = await #expect(throws: ToolError.self) { try await LogTailTool(location, topic: nil).run { _ in } }
        #expect(error?.description.contains("--since") == true)
        await publisher.close()
    }
}
