import Sluice
import Testing

@testable import SluiceSQLite

/// What is in a log, told by a few rows of it.
@Suite(.timeLimit(.minutes(5))) struct TopicSummaryTests {
    private let directory: TemporaryDirectory
    private var view: SQLiteLogView { SQLiteLogView(path: directory.log) }

    init() throws { directory = try TemporaryDirectory() }

    private func fill(_ count: Int, payload: (Int) -> Int = { _ in 10 }) async throws {
        let log = try directory.open()
        let messages = (1...count).map { number in
            LoggedMessage(
                message: Message(payload: [UInt8](repeating: 7, count: payload(number))),
                timestamp: Timestamp(millisecondsSince1970: Int64(number) * 1_000))
        }
        for start in stride(from: 0, to: count, by: 1_000) {
            try await log.publisher().restore(Array(messages[start..<min(count, start + 1_000)]), to: "t")
        }
        try await log.publisher().publish([message("1")], to: "s")
        await log.close()
    }

    private func seconds(_ seconds: Int64) -> Timestamp { Timestamp(millisecondsSince1970: seconds * 1_000) }

    @Test func aSummaryCountsByOffsetsAndTimes() async throws {
        try await fill(2_000)
        let topics = try view.topics(since: [seconds(0), seconds(1_991), seconds(2_001)])
        #expect(topics.map(\.topic) == ["s", "t"])
        let topic = try #require(topics.last)
        #expect(topic.messages == 2_000 && topic.first == 1 && topic.last == 2_000)
        #expect(topic.oldest == seconds(1) && topic.newest == seconds(2_000))
        #expect(topic.since == [2_000, 10, 0])
    }

    @Test func whatRetentionHasTakenIsNotCounted() async throws {
        try await fill(100)
        _ = try shell("sqlite3 '\(directory.log)' 'DELETE FROM messages_1 WHERE offset <= 40'")
        _ = try shell("sqlite3 '\(directory.log)' 'UPDATE topics SET deleted_through = 40 WHERE id = 1'")
        var topic = try #require(try view.topics(since: [seconds(0)]).last)
        #expect(topic.messages == 60 && topic.first == 41 && topic.since == [60] && topic.oldest == seconds(41))
        _ = try shell("sqlite3 '\(directory.log)' 'DELETE FROM messages_1'")
        _ = try shell("sqlite3 '\(directory.log)' 'UPDATE topics SET deleted_through = 100 WHERE id = 1'")
        topic = try #require(try view.topics(since: [seconds(0)]).last)
        #expect(topic.messages == 0 && topic.first == nil && topic.last == 100 && topic.oldest == nil)
    }

    @Test func theSizeOfASmallTopicIsMeasuredAndThatOfALargeOneIsNear() async throws {
        try await fill(500) { $0 }
        let small = try #require(try view.topics().last)
        #expect(small.isMeasured)
        #expect(small.bytes == (1...500).reduce(0) { $0 + Int64($1) + TopicSize.overhead })
        let other = try TemporaryDirectory()
        let log = try other.open()
        for piece in 0..<20 {
            let messages = (0..<1_000).map { number in
                Message(payload: [UInt8](repeating: 7, count: (piece * 1_000 + number) / 20))
            }
            try await log.publisher().publish(messages, to: "t")
        }
        await log.close()
        let large = try #require(try SQLiteLogView(path: other.log).topics().first)
        var steps: [Int64] = []
        let exact = try SQLiteLogView(path: other.log).measure("t") { steps.append($0) }
        #expect(!large.isMeasured && steps.last == 20_000)
        #expect(abs(large.bytes - exact) < exact / 20, "\(large.bytes) \(exact)")
    }

    @Test func anEmptyLogHasNoTopicsAndAFileThatIsNoneIsAnError() async throws {
        let log = try directory.open()
        await log.close()
        #expect(try view.topics().isEmpty)
        #expect(try view.fileSize().bytes > 0)
        #expect(throws: SQLiteLogError.self) { try SQLiteLogView(path: directory.path + "/none").topics() }
    }
}
