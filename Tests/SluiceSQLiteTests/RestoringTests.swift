import Sluice
import Testing

@testable import SluiceSQLite

/// Messages that bring their own times.
@Suite(.timeLimit(.minutes(5))) struct RestoringTests {
    private let directory: TemporaryDirectory
    private var view: SQLiteLogView { SQLiteLogView(path: directory.log) }

    init() throws { directory = try TemporaryDirectory() }

    private func logged(_ number: Int, at milliseconds: Int64, key: [UInt8]? = nil) -> LoggedMessage {
        var message = message("\(number)")
        message.metadata["n"] = "\(number)"
        return LoggedMessage(message: message, timestamp: Timestamp(millisecondsSince1970: milliseconds), key: key)
    }

    @Test func aRestoredMessageKeepsEverythingButItsOffset() async throws {
        let messages = [
            logged(1, at: 1_000, key: [1]), logged(2, at: 999, key: nil), logged(3, at: 1_700_000_000_123, key: []),
        ]
        let log = try directory.open()
        try await log.publisher().publish([message("before")], to: "t")
        try await log.publisher().restore(messages, to: "t")
        await log.close()
        let read = try view.messages(in: "t", after: 1)
        #expect(read.map(\.offset) == [2, 3, 4])
        #expect(read.map(\.message) == messages.map(\.message))
        #expect(read.map(\.timestamp) == messages.map(\.timestamp))
        #expect(read.map(\.key) == messages.map(\.key))
    }

    /// Times that go back and forth, restored and published in turn: the first that is not older is always found.
    @Test(arguments: 1...8) func everyPointInTimeIsFoundAmongRestoredMessages(seed: UInt64) async throws {
        var random = Generator(state: seed)
        let log = try directory.open()
        var number = 0
        for _ in 0..<12 {
            let batch = (0..<Int.random(in: 1...9, using: &random)).map { _ -> LoggedMessage in
                number += 1
                return logged(number, at: Int64.random(in: 0...20_000, using: &random))
            }
            try await log.publisher().restore(batch, to: "t")
        }
        try await log.publisher().publish([message("now")], to: "t")
        try await log.publisher().restore([logged(0, at: 5_000)], to: "t")
        await log.close()
        let all = try view.messages(in: "t")
        for time in stride(from: Int64(0), through: 21_000, by: 250) {
            let expected = all.first { $0.timestamp.millisecondsSince1970 >= time }?.offset
            #expect(try view.offset(of: Timestamp(millisecondsSince1970: time), in: "t") == expected, "\(time)")
        }
    }

    /// In one commit with messages that are published: theirs is the time of the commit.
    @Test func whatIsPublishedWithRestoredMessagesIsFoundByItsTime() async throws {
        let log = try directory.open()
        let start = Timestamp.now()
        try await log.writer.perform { session in
            let table = try session.table(for: "t")
            try table.restore(
                message("old"), nil, transaction: session.transaction, time: .init(millisecondsSince1970: 1))
            try table.append(message("new"), nil, transaction: session.transaction, now: start)
        }
        await log.close()
        #expect(try view.offset(of: start, in: "t") == 2)
    }

    @Test func whatIsTooLargeIsRefusedAndNothingIsRestored() async throws {
        let log = try directory.open()
        var large = logged(2, at: 2)
        large.message.metadata["large"] = String(repeating: "x", count: 10 << 20)
        await #expect(throws: SQLiteLogError.self) {
            try await log.publisher().restore([logged(1, at: 1), large], to: "t")
        }
        await log.close()
        #expect(try view.lastOffset(in: "t") == nil)
    }

    private struct Generator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ (state >> 29)
        }
    }
}
