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
