import Sluice
import Testing

@testable import SluiceSQLite

@Suite struct DeduplicationStoreTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    @Test func knowsACommittedKeyAlsoAfterReopening() async throws {
        var log = try directory.open()
        var store = log.deduplicationStore()
        #expect(try await store.reserve([1, 2], scope: "a") == .fresh)
        #expect(try await store.reserve([1, 2], scope: "a") == .inProgress)
        #expect(try await store.reserve([1, 2], scope: "b") == .fresh)
        try await store.commit([1, 2], scope: "a", for: .seconds(60))
        #expect(try await store.reserve([1, 2], scope: "a") == .duplicate)
        #expect(try await store.reserve([1, 2], scope: "a") == .duplicate)
        await log.close()
        log = try directory.open()
        store = log.deduplicationStore()
        #expect(try await store.reserve([1, 2], scope: "a") == .duplicate)
        // The reservation was never committed.
        #expect(try await store.reserve([1, 2], scope: "b") == .fresh)
        await log.close()
    }

    @Test func keysThatAreCommittedTogetherAreKnownTogether() async throws {
        let log = try directory.open()
        let store = log.deduplicationStore()
        let keys: [[UInt8]] = [[1], [2], [3]]
        for key in keys { #expect(try await store.reserve(key, scope: "a") == .fresh) }
        try await store.commitAll(keys, scope: "a", for: .seconds(60))
        try await store.commitAll([], scope: "a", for: .seconds(60))
        for key in keys { #expect(try await store.reserve(key, scope: "a") == .duplicate) }
        #expect(try await log.keyCount() == 3)
        await log.close()
    }

    /// Nothing but a full book, another's commit or the time that has passed makes the writer commit.
    private func openWithoutHaste() throws -> SQLiteLog {
        var configuration = directory.configuration()
        configuration.settlementInterval = .seconds(3_600)
        return try SQLiteLog.open(configuration)
    }

    /// As another process sees it.
    private func keysInTheFile() throws -> Int? {
        Int(try shell("sqlite3 '\(directory.log)' 'SELECT count(*) FROM handled_keys'"))
    }

    @Test func keysThatAreKeptSoonAreDuplicatesAtOnceAndOneCommitTakesAll() async throws {
        let log = try openWithoutHaste()
        let store = log.deduplicationStore()
        try await log.publisher().publish([message("the last commit")], to: "t")
        let commits = log.reader.commitCount
        for number in 0..<100 {
            #expect(try await store.reserve([UInt8(number)], scope: "a") == .fresh)
            try await store.commitSoon([UInt8(number)], scope: "a", for: .seconds(60))
            #expect(try await store.reserve([UInt8(number)], scope: "a") == .duplicate)
        }
        #expect(try keysInTheFile() == 0 && log.reader.commitCount == commits)
        try await log.publisher().publish([message("takes them along")], to: "t")
        #expect(try keysInTheFile() == 100 && log.reader.commitCount == commits + 1)
        for number in 0..<100 { #expect(try await store.reserve([UInt8(number)], scope: "a") == .duplicate) }
        await log.close()
    }

    @Test func keysThatAreKeptSoonAreWrittenByThemselves() async throws {
        let log = try directory.open()
        let store = log.deduplicationStore()
        #expect(try await store.reserve([1], scope: "a") == .fresh)
        try await store.commitSoon([1], scope: "a", for: .seconds(60))
        try await eventually { try keysInTheFile() == 1 }
        await log.close()
    }

    @Test func whoHandlesTooManyWaitsForTheCommit() async throws {
        let log = try openWithoutHaste()
        let store = log.deduplicationStore()
        for number in 0..<1_000 {
            let key = [UInt8(number & 255), UInt8(number >> 8)]
            #expect(try await store.reserve(key, scope: "a") == .fresh)
            try await store.commitSoon(key, scope: "a", for: .seconds(60))
        }
        #expect(try keysInTheFile() ?? 0 > 1_000 - KeyBook.limit)
        // The rest goes with the last commit of all.
        await log.close()
        #expect(try keysInTheFile() == 1_000)
        await #expect(throws: SQLiteLogError.self) { try await store.commitSoon([9], scope: "a", for: .seconds(60)) }
    }

    /// A message that a crash does not bring again must not be forgotten by it either.
    @Test func whatIsSettledHasItsKeyInTheSameCommit() async throws {
        let log = try openWithoutHaste()
        let store = log.deduplicationStore()
        try await log.publisher().publish((0..<50).map { message("\($0)") }, to: "t")
        let subscription = try await log.subscriber(group: "g").subscribe(to: "t")
        let commits = log.reader.commitCount
        for delivery in try await subscription.deliveries(50) {
            let key = Array(delivery.message.payload)
            #expect(try await store.reserve(key, scope: "a") == .fresh)
            try await store.commitSoon(key, scope: "a", for: .seconds(60))
            delivery.acknowledge()
        }
        #expect(log.reader.commitCount == commits)
        try await log.publisher().publish([message("takes them along")], to: "t")
        let settled = try shell("sqlite3 '\(directory.log)' 'SELECT settled_through FROM groups'")
        #expect(settled == "50" && log.reader.commitCount == commits + 1)
        #expect(try keysInTheFile() == 50)
        await log.close()
    }

    @Test func aLookUpThatFailsIsLeftToTheReader() async throws {
        let log = try directory.open()
        let store = log.deduplicationStore()
        #expect(try await store.reserve([1], scope: "a") == .fresh)
        try await store.commit([1], scope: "a", for: .seconds(60))
        log.keys.close()
        #expect(try await store.reserve([1], scope: "a") == .duplicate)
        #expect(try await store.reserve([2], scope: "a") == .fresh)
        await log.close()
    }

    @Test func aReleasedKeyIsFreshAgain() async throws {
        let log = try directory.open()
        let store = log.deduplicationStore()
        #expect(try await store.reserve([], scope: "") == .fresh)
        await store.release([], scope: "")
        #expect(try await store.reserve([], scope: "") == .fresh)
        await log.close()
        await #expect(throws: SQLiteLogError.self) { try await store.reserve([9], scope: "") }
        await #expect(throws: SQLiteLogError.self) { try await store.commit([], scope: "", for: .seconds(60)) }
    }

    @Test func forgetsAfterTheWindowAndPurges() async throws {
        let log = try directory.open()
        let store = log.deduplicationStore()
        for key in 0..<20 {
            #expect(try await store.reserve([UInt8(key)], scope: "a") == .fresh)
            try await store.commit([UInt8(key)], scope: "a", for: .milliseconds(30))
        }
        try await eventually {
            try await log.retain()
            return try await log.keyCount() == 0
        }
        #expect(try await store.reserve([0], scope: "a") == .fresh)
        await log.close()
    }

    @Test func oneOfManyGetsTheKey() async throws {
        let log = try directory.open()
        let store = log.deduplicationStore()
        let outcomes = try await withThrowingTaskGroup(of: Reservation.self) { group in
            for index in 0..<200 { group.addTask { try await store.reserve([UInt8(index % 10)], scope: "a") } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes.count { $0 == .fresh } == 10)
        await log.close()
    }
}

extension SQLiteLog {
    fileprivate func keyCount() async throws -> Int64? {
        try await writer.perform { session in
            try SQLStatement(session.database, path: session.path, "SELECT count(*) FROM handled_keys").integer()
        }
    }
}
