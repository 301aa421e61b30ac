import Sluice
import Testing

@testable import SluiceSQLite

/// A group that becomes two, and two that become one.
@Suite(.timeLimit(.minutes(5))) struct PartsTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// Delivers to a group, and settles these of the topic's messages.
    /// - Returns: the offsets that were delivered.
    @discardableResult
    private func read(_ group: String, _ count: Int, settling wanted: Set<Int64>, _ log: SQLiteLog) async throws
        -> [Int64]
    {
        let subscriber = log.subscriber(group: group)
        let subscription = try await subscriber.subscribe(to: "t")
        var seen: [Int64] = []
        while seen.count < count, let batch = try await subscription.next() {
            for delivery in batch {
                let offset = delivery.origin.offset ?? 0
                seen.append(offset)
                if wanted.contains(offset) { delivery.acknowledge() }
            }
        }
        await subscriber.close()
        return seen
    }

    private func waiting(_ group: String, _ log: SQLiteLog) async throws -> Int64? {
        try await log.groups().first { $0.name == group }?.backlog.messages
    }

    private func publish(_ count: Int, _ log: SQLiteLog) async throws {
        try await log.publisher().publish((0..<count).map { message("\($0)") }, to: "t")
    }

    private func introduce(_ log: SQLiteLog) async throws {
        _ = try await log.introduce([("a", .beginning)], topic: "t")
    }

    /// Waits until the process has let go of the group.
    private func divide(_ log: SQLiteLog) async throws {
        try await log.divide("a", from: "b", topic: "t")
    }

    @Test func theOtherGroupBeginsWhereTheOneStandsWithItsGaps() async throws {
        let log = try directory.open()
        try await introduce(log)
        try await publish(6, log)
        try await read("a", 6, settling: [1, 2, 4, 6], log)
        try await divide(log)
        #expect(try await waiting("b", log) == 2)
        #expect(try await read("b", 2, settling: [3], log) == [3, 5])
        #expect(try await read("a", 2, settling: [], log) == [3, 5])
        // It has a place now, and keeps it.
        try await divide(log)
        #expect(try await read("b", 1, settling: [], log) == [5])
        await log.close()
    }

    @Test func whatIsPutAsideAndHowFarMessagesHaveComeGoesWithIt() async throws {
        let log = try directory.open()
        try await introduce(log)
        try await publish(4, log)
        try await read("a", 4, settling: [1], log)
        await log.close()
        _ = try shell(
            """
            sqlite3 '\(directory.log)' "UPDATE groups SET settled_through = 3, ahead = NULL, ahead_count = 0, shelved = 2;
            INSERT INTO shelved SELECT id, x'61', 2 FROM groups; INSERT INTO shelved SELECT id, x'61', 3 FROM groups;
            INSERT INTO progress SELECT id, 4, 5, 4, 0, 1, 2, 3 FROM groups;"
            """)
        let again = try directory.open()
        try await divide(again)
        #expect(try await waiting("b", again) == 3)
        await again.close()
        let rows = "SELECT count(*) FROM shelved s JOIN groups g ON g.id = s.consumer_group WHERE g.name = 'b'"
        #expect(try shell("sqlite3 '\(directory.log)' \"\(rows)\"") == "2")
        let progress = "SELECT attempts FROM progress p JOIN groups g ON g.id = p.consumer_group WHERE g.name = 'b'"
        #expect(try shell("sqlite3 '\(directory.log)' \"\(progress)\"") == "5")
    }

    @Test func whoIsAheadWaitsForTheOther() async throws {
        let log = try directory.open()
        try await introduce(log)
        try await publish(6, log)
        try await divide(log)
        try await read("a", 6, settling: [1, 2, 3, 4, 6], log)
        try await read("b", 6, settling: [1, 3], log)
        let parts = try #require(try await log.unite("a", with: "b", topic: "t"))
        #expect((1...6).filter { parts.own.contains($0) } == [1, 2, 3, 4, 6])
        #expect((1...6).filter { parts.other.contains($0) } == [1, 3])
        #expect(try await waiting("b", log) == nil)
        #expect(try await read("a", 4, settling: [2, 4], log) == [2, 4, 5, 6])
        // Once more, as after a restart: the same is known.
        #expect(try await log.unite("a", with: "b", topic: "t") == parts)
        try await read("a", 2, settling: [5, 6], log)
        try await eventually { try await log.unite("a", with: "b", topic: "t") == nil }
        await log.close()
        #expect(try shell("sqlite3 '\(directory.log)' 'SELECT count(*) FROM facts'") == "0")
    }

    @Test func theyAreToldApartAgainAsTheyWere() async throws {
        let log = try directory.open()
        try await introduce(log)
        try await publish(6, log)
        try await divide(log)
        try await read("a", 6, settling: [1, 2, 3, 4, 5], log)
        try await read("b", 6, settling: [1], log)
        _ = try await log.unite("a", with: "b", topic: "t")
        try await read("a", 5, settling: [2], log)
        try await divide(log)
        #expect(try await read("a", 1, settling: [], log) == [6])
        #expect(try await read("b", 4, settling: [], log) == [3, 4, 5, 6])
        await log.close()
    }

    @Test func twoThatStandAtOnePlaceBecomeOneWithoutAMemory() async throws {
        let log = try directory.open()
        try await introduce(log)
        try await publish(3, log)
        try await divide(log)
        for group in ["a", "b"] { try await read(group, 3, settling: [1, 2], log) }
        #expect(try await log.unite("a", with: "b", topic: "t") == nil)
        #expect(try await read("a", 1, settling: [], log) == [3])
        #expect(try await log.unite("a", with: "b", topic: "t") == nil)
        await log.close()
    }

    @Test func aMoveForgetsWhatThePartsHadSettled() async throws {
        let log = try directory.open()
        try await introduce(log)
        try await publish(3, log)
        try await divide(log)
        try await read("a", 3, settling: [1, 2], log)
        #expect(try await log.unite("a", with: "b", topic: "t") != nil)
        try await log.seek(group: "a", topic: "t", to: .beginning)
        #expect(try await log.unite("a", with: "b", topic: "t") == nil)
        await log.close()
    }

    @Test func aGroupThatIsReadIsLeftAsItIs() async throws {
        let log = try directory.open()
        try await introduce(log)
        try await publish(3, log)
        let subscriber = log.subscriber(group: "a")
        let subscription = try await subscriber.subscribe(to: "t")
        _ = try await subscription.deliveries(1)
        await #expect(throws: SQLiteLogError.self) { try await divide(log) }
        #expect(try await waiting("b", log) == nil)
        await subscriber.close()
        try await divide(log)
        let other = log.subscriber(group: "b")
        _ = try await other.subscribe(to: "t").deliveries(1)
        await #expect(throws: SQLiteLogError.self) { _ = try await log.unite("a", with: "b", topic: "t") }
        await other.close()
        await log.close()
    }

    /// A group of that name which was there before is another reader's.
    @Test func anotherReadersGroupIsNotTaken() async throws {
        let log = try directory.open()
        _ = try await log.introduce([("a", .beginning), ("b", .beginning)], topic: "t")
        try await publish(3, log)
        #expect(try await log.unite("a", with: "b", topic: "t") == nil)
        #expect(try await waiting("b", log) == 3)
        await #expect(throws: SQLiteLogError.self) { try await divide(log) }
        await log.close()
    }
}
