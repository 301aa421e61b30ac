import Foundation
import GatewayTestSupport
import Sluice
import SluiceKafka
import SluiceSQLite
import SluiceTesting
import Synchronization
import Testing

@testable import SluiceGateway

/// `sluice log export | sluice log import` is the identity.
@Suite(.timeLimit(.minutes(5))) struct LogIdentityTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func path(_ name: String) -> String { "\(directory.path)/\(name)" }

    private func messages(seed: UInt64, _ count: Int) -> [LoggedMessage] {
        var source = RandomMessages(random: SeededGenerator(seed: seed))
        return (0..<count).map { _ in
            let carried = source.next()
            let time = Timestamp(millisecondsSince1970: .random(in: 0...1_700_000_000_000, using: &source.random))
            return LoggedMessage(message: carried.message, timestamp: time, key: carried.key)
        }
    }

    private func export(
        _ location: LogLocation, _ topic: Topic? = nil, _ change: (inout LogExportTool) -> Void = { _ in }
    )
        throws
        -> [UInt8]
    {
        var tool = try LogExportTool(location, topic: topic)
        change(&tool)
        var bytes: [UInt8] = []
        _ = try tool.run { bytes += $0 }
        return bytes
    }

    private func `import`(
        _ bytes: [UInt8], into location: LogLocation, _ topic: Topic? = nil, delivers: Bool = false
    ) async throws -> Int {
        var tool = try LogImportTool(location, topic: topic)
        tool.delivers = delivers
        // As from a pipe, whose pieces end anywhere.
        var rest = bytes[...]
        try await tool.run {
            defer { rest = rest.dropFirst(1_789) }
            return Array(rest.prefix(1_789))
        }
        return tool.count
    }

    private func write(_ messages: [LoggedMessage], _ path: String, to topic: Topic = "events") async throws {
        let log = try SQLiteLog.open(SQLiteLog.Configuration(path: path))
        try await log.publisher().restore(messages, to: topic)
        await log.close()
    }

    @Test(arguments: [1, 2, 3] as [UInt64]) func exportAndImportAreTheIdentity(seed: UInt64) async throws {
        let messages = messages(seed: seed, 2_500)
        try await write(messages, path("one.sqlite"))
        try await write([messages[0]], path("one.sqlite"), to: "poison")
        let lines = try export(.file(path("one.sqlite")))
        let others = try export(.file(path("one.sqlite")), "poison")
        #expect(try await `import`(lines + others, into: .file(path("new/directory/two.sqlite"))) == messages.count + 1)
        let copy = path("new/directory/two.sqlite")
        let read = try SQLiteLogView(path: copy).all(of: "events")
        #expect(read.count == messages.count)
        for (index, (read, message)) in zip(read, messages).enumerated() {
            var expected = message
            expected.offset = Int64(index) + 1
            #expect(read == expected)
        }
        #expect(try export(.file(copy)) == lines)
        #expect(try export(.file(copy), "poison") == others)
        #expect(try await `import`(lines, into: .file(copy), "other") == messages.count)
        #expect(try SQLiteLogView(path: copy).all(of: "other").map(\.message) == messages.map(\.message))
    }

    @Test func anExportEndsWithWhatWasThereAndKeepsToItsBounds() async throws {
        let event = Event.commitDeployed(
            Deployment(id: "abcd", env: "production", occurredOn: Timestamp(millisecondsSince1970: 0)))
        let messages = (1...10).map { number in
            LoggedMessage(
                message: number % 2 == 0 ? event.message() : Message(text: "\(number)"),
                timestamp: Timestamp(millisecondsSince1970: Int64(number) * 1_000))
        }
        try await write(messages, path("log.sqlite"))
        func offsets(_ change: (inout LogExportTool) -> Void) throws -> [Int64] {
            try export(.file(path("log.sqlite")), nil, change).split(separator: UInt8(ascii: "\n")).map { line in
                let object = try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any]
                return try #require(object?["offset"] as? Int64)
            }
        }
        #expect(try offsets { _ in } == Array(1...10))
        #expect(try offsets { $0.since = Timestamp(millisecondsSince1970: 4_500) } == Array(5...10))
        #expect(try offsets { $0.until = Timestamp(millisecondsSince1970: 5_000) } == Array(1...4))
        #expect(
            try offsets {
                $0.since = Timestamp(millisecondsSince1970: 3_000)
                $0.until = Timestamp(millisecondsSince1970: 3_000)
            } == [])
        #expect(try offsets { $0.since = Timestamp(millisecondsSince1970: 99_000) } == [])
        let only = try EventFilter(words: ["event=commitDeployed"])
        #expect(try offsets { $0.only = only } == [2, 4, 6, 8, 10])
        #expect(throws: ToolError.self) { try export(.file(path("log.sqlite")), "none") }
    }

    @Test(arguments: [
        ("not JSON", "line 2: not a JSON object"),
        (#"{"payload":"a","topic":"t","timestamp":"soon"}"#, "line 2: timestamp"),
        (#"{"payload":"a","topic":"t","timestamp":"2999-01-01T00:00:00Z"}"#, "line 2: its time is in the future"),
        (#"{"payload":"a"}"#, "line 2: it names no topic"), (#"{"topic":"t"}"#, "line 2: neither payload"),
    ])
    func aLineThatIsNoMessageEndsAnImportBehindWhatCameBefore(line: String, reason: String) async throws {
        let log = LogLocation.file(path("log.sqlite"))
        let good = #"{"payload":"good","topic":"t","timestamp":"2026-01-02T03:04:05.678Z"}"#
        let error = await #expect(throws: ToolError.self) {
            _ = try await `import`(Array("\(good)\n\(line)\n\(good)\n".utf8), into: log)
        }
        #expect(error?.description.hasPrefix(reason) == true, "\(error as Any)")
        #expect(try SQLiteLogView(path: path("log.sqlite")).all(of: "t").count == 1)
    }

    @Test func aTopicThatGroupsReadIsImportedIntoOnlyWhenAskedFor() async throws {
        let log = try SQLiteLog.open(SQLiteLog.Configuration(path: path("log.sqlite")))
        let subscription = try await log.subscriber(group: "log-to-slack").subscribe(to: "t")
        let line = Array(#"{"payload":"old","topic":"t","timestamp":"2026-01-02T03:04:05.678Z"}"#.utf8)
        let error = await #expect(throws: ToolError.self) {
            _ = try await `import`(line, into: .file(path("log.sqlite")))
        }
        #expect(error?.description.contains("t is read by log-to-slack") == true, "\(error as Any)")
        #expect(try await `import`(line, into: .file(path("log.sqlite")), delivers: true) == 1)
        let delivered = try await subscription.next(1)
        #expect(delivered?.first?.message.payload == Array("old".utf8))
        subscription.cancel()
        await log.close()
    }

    @Test func kafkaIsSentToTheOtherCommands() throws {
        let kafka = LogLocation.kafka(.init(.init(brokers: ["localhost:9"])))
        for body in [
            { _ = try LogExportTool(kafka, topic: nil) }, { _ = try LogImportTool(kafka, topic: nil) },
        ] as [() throws -> Void] {
            let error = #expect(throws: ToolError.self) { try body() }
            #expect(error?.description.contains("sluice consume --format json") == true)
        }
    }
}

extension SQLiteLogView {
    func all(of topic: Topic) throws -> [LoggedMessage] {
        var all: [LoggedMessage] = []
        while true {
            let piece = try messages(in: topic, after: all.last?.offset ?? 0)
            if piece.isEmpty { return all }
            all += piece
        }
    }
}
