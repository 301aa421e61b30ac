import Sluice
import Testing

@testable import SluiceSQLite

/// Messages that are settled one by one, at a cost that does not grow with what is settled.
@Suite struct SingleSettlementTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private var path: String { directory.path + "/log" }

    private func open(_ count: Int) async throws -> SQLiteLog {
        let log = try SQLiteLog.open(SQLiteLog.Configuration(path: path))
        try await log.publisher().publish((0..<count).map { Message(payload: Array("\($0)".utf8)) }, to: "t")
        return log
    }

    private func left() throws -> [Int64] {
        try SQLiteLogView(path: path).unsettled(in: "t", by: "g") { $0.offset }
    }

    @Test func whatIsSettledSinglyIsSettledForAllWhoLook() async throws {
        let log = try await open(6)
        try await log.transact { transaction in
            try transaction.settle([2], by: "g", of: "t")
            for offset in [5, 1] as [Int64] { try transaction.settleSingly(offset, by: "g", of: "t") }
        }
        let expected = OffsetSet(through: 2, ranges: [5...5])
        #expect(try await log.hasSettledSingly(by: "g", of: "t"))
        for isGathered in [false, true] {
            #expect(try await log.settled(by: "g", of: "t") == expected)
            #expect(try await log.transact { try $0.settled(by: "g", of: "t") } == expected)
            #expect(try await log.backlog(group: "g", topic: "t").messages == 3)
            #expect(try await log.groups().first?.backlog.messages == 3)
            #expect(try SQLiteLog.groups(inFile: path).first?.backlog.messages == 3)
            #expect(try left() == [3, 4, 6])
            guard !isGathered else { break }
            let before = try await log.settledMark(of: "g", of: "t")
            try await log.transact { try $0.gather(by: "g", of: "t") }
            #expect(try await log.settledMark(of: "g", of: "t") != before)
        }
        #expect(try await !log.hasSettledSingly(by: "g", of: "t"))
        #expect(try await log.facts(prefix: "settled").isEmpty)
        // What is settled in order needs no row of its own.
        try await log.transact { try $0.settleSingly(3, by: "g", of: "t") }
        try await log.transact { try $0.settle([4], by: "g", of: "t") }
        #expect(try await log.settled(by: "g", of: "t") == OffsetSet(through: 5))
        #expect(try await !log.hasSettledSingly(by: "g", of: "t"))
        await log.close()
    }

    @Test func nothingIsMadeWhereNothingWasSettled() async throws {
        let log = try await open(1)
        try await log.transact { try $0.gather(by: "g", of: "other") }
        #expect(try await log.groups().isEmpty)
        #expect(try await log.settledMark(of: "g", of: "t") == nil)
        await log.close()
    }

    @Test func aGroupThatIsReadRefusesItAndOneThatMovesForgetsIt() async throws {
        let log = try await open(4)
        try await log.transact { try $0.settleSingly(2, by: "g", of: "t") }
        _ = try await log.seek(group: "g", topic: "t", to: .beginning)
        #expect(try left() == [1, 2, 3, 4])
        try await log.transact { try $0.settleSingly(2, by: "g", of: "t") }
        // Another group's name begins with this one's.
        try await log.transact { try $0.settleSingly(3, by: "g g", of: "t") }
        #expect(try left() == [1, 3, 4])
        let subscriber = log.subscriber(group: "g")
        let subscription = try await subscriber.subscribe(to: "t")
        // Its reader does not get it either.
        let offsets = try await subscription.deliveries(3).map(\.origin.offset)
        #expect(offsets == [1, 3, 4])
        #expect(try await !log.hasSettledSingly(by: "g", of: "t"))
        await #expect(throws: SQLiteLogError.self) {
            try await log.transact { try $0.settleSingly(1, by: "g", of: "t") }
        }
        await subscriber.close()
        await log.close()
    }
}
