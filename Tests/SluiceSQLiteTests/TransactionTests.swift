import Sluice
import Testing

@testable import SluiceSQLite

/// What is changed together, in one commit.
@Suite(.timeLimit(.minutes(5))) struct TransactionTests {
    private struct Refused: Error {}

    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    @Test func whatThrowsUndoesAllOfIt() async throws {
        let log = try directory.open()
        try await log.publisher().publish([message("1"), message("2")], to: "poison")
        await #expect(throws: Refused.self) {
            try await log.transact { transaction in
                try transaction.append(message("3"), to: "poison")
                try transaction.settle([1], by: "g", of: "poison")
                try transaction.setFact("a", "b")
                throw Refused()
            }
        }
        #expect(try await log.lastOffset(in: "poison") == 2)
        #expect(try await log.fact("a") == nil)
        #expect(try await log.settled(by: "g", of: "poison") == nil)
        // The topic's next offset is as if nothing had been.
        let offset = try await log.transact { try $0.append(message("3"), to: "poison") }
        #expect(offset == 3)
        await log.close()
    }

    @Test func whatIsSettledOutOfOrderIsLeftOutByAViewAndAfterARestart() async throws {
        var log = try directory.open()
        try await log.publisher().publish((1...6).map { message("\($0)") }, to: "poison")
        try await log.transact { transaction in
            try transaction.settle([1, 2, 4], by: "g", of: "poison")
            try transaction.settle([6], by: "g", of: "poison")
        }
        let view = SQLiteLogView(path: directory.log)
        #expect(try view.unsettled(in: "poison", by: "g") { $0.offset } == [3, 5])
        #expect(try view.unsettled(in: "poison", by: "another") { $0.offset } == [1, 2, 3, 4, 5, 6])
        #expect(try view.unsettled(in: "nowhere", by: "g") { $0.offset } == [])
        #expect(try await log.backlog(group: "g", topic: "poison").messages == 2)
        await log.close()
        log = try directory.open()
        #expect(try await log.settled(by: "g", of: "poison")?.contains(3) == false)
        #expect(try view.unsettled(in: "poison", by: "g") { $0.offset } == [3, 5])
        let subscriber = log.subscriber(group: "g")
        let deliveries = try await subscriber.subscribe(to: "poison").deliveries(2)
        #expect(deliveries.map(\.origin.offset) == [3, 5])
        await subscriber.close()
        await log.close()
    }

    @Test func whatAnotherReadsIsNotSettledBehindItsBack() async throws {
        let log = try directory.open()
        try await log.publisher().publish([message("1")], to: "poison")
        let subscriber = log.subscriber(group: "g")
        let held = try await subscriber.subscribe(to: "poison").deliveries(1)
        let refusal = await #expect(throws: SQLiteLogError.self) {
            try await log.transact { try $0.settle([1], by: "g", of: "poison") }
        }
        #expect(refusal?.code == .groupInUse && held.count == 1)
        await subscriber.close()
        await log.close()
    }

    @Test func onlyWhoLeadsAGroupMayGoOn() async throws {
        let (log, other) = (try directory.open(), try directory.open())
        let refusal = await #expect(throws: SQLiteLogError.self) {
            try await log.transact { try $0.requireLead(of: "g", "t") }
        }
        #expect(refusal?.code == .groupInUse)
        let subscriber = log.subscriber(group: "g")
        let subscription = try await subscriber.subscribe(to: "t")
        try await eventually { log.leads("g", of: "t") }
        try await log.transact { try $0.requireLead(of: "g", "t") }
        await #expect(throws: SQLiteLogError.self) {
            try await other.transact { try $0.requireLead(of: "g", "t") }
        }
        subscription.cancel()
        await subscriber.close()
        await log.close()
        await other.close()
    }
}
