import SluicePrometheus
import SluiceTesting
import Testing

@testable import Sluice

@Suite(.timeLimit(.minutes(10)))
struct DeduplicatorTests {
    @Test func handlesEachKeyOnce() async throws {
        let source = Source([.numbered(1), .numbered(1), .numbered(2)])
        let seen = Journal<Int>()
        let meters = Meters()
        let router = Router.quick([Deduplicator(MemoryDeduplicationStore())], meters: meters)
        try router.add(Route("r", from: source, "in") { message, _ in seen.add(message.number) })
        try await router.whileRunning { try await eventually { source.acknowledgedCount == 3 } }
        #expect(seen.entries == [1, 2])
        let now = meters.exposition()
        #expect(now.value("sluice_deliveries_total", ["outcome": "deduplicated"]) == 1)
        #expect(now.value("sluice_deliveries_total", ["outcome": "acked"]) == 2)
        #expect(now.value("sluice_dedup_checks_total", ["result": "fresh"]) == 2)
        #expect(now.value("sluice_dedup_checks_total", ["result": "duplicate"]) == 1)
        #expect(now.value("sluice_dedup_checks_total", ["result": "in_progress"]) == 0)
    }

    @Test func aFailureReleasesTheKey() async throws {
        let calls = Counter()
        let chain = try Chain([Deduplicator(MemoryDeduplicationStore())]) { message, _ in
            calls.add()
            if calls.value == 1 { throw Broken() }
            return [message]
        }
        await #expect(throws: Broken.self) { try await chain(.numbered(1)) }
        #expect(try await chain(.numbered(1)).count == 1)
        #expect(try await chain(.numbered(1)).isEmpty)
        #expect(calls.value == 2)
    }

    @Test func waitsWhileAnotherWithItsKeyIsBeingHandled() async throws {
        try await VirtualTime.run { time in
            let gate = Gate()
            let chain = try Chain([Deduplicator(MemoryDeduplicationStore(time: time))], time: time) { _, _ in
                try await gate.wait()
                return []
            }
            let first = time.task { try await chain(.numbered(1)) }
            try await time.eventually { gate.waiting == 1 }
            do {
                try await chain(.numbered(1))
                Issue.record("handled twice at once")
            } catch {
                #expect(Disposition(of: error) == .retry(after: .seconds(1)))
                #expect(Disposition.reason(of: error) == "in_progress")
            }
            gate.open()
            _ = try await first.value
        }
    }

    /// Its wait concerns no other message, though Retry outside sees a time that is named.
    @Test func aWaitingDuplicateStopsNoOtherMessage() async throws {
        try await VirtualTime.run { time in
            let gate = Gate()
            let waits = Counter()
            var retry = Retry()
            retry.onRetry = { _, _ in waits.add() }
            let chain = try Chain([retry, Deduplicator(MemoryDeduplicationStore(time: time))], time: time) { _, _ in
                try await gate.wait()
                return []
            }
            let tasks = (0..<2).map { _ in time.task { try await chain(.numbered(1)) } }
            try await time.eventually { waits.value == 1 }
            #expect(chain.scope.destination.status.shut == nil)
            for task in tasks { task.cancel() }
        }
    }

    @Test func keepsTheRoutesApart() async throws {
        let store = MemoryDeduplicationStore()
        let first = try Chain([Deduplicator(store)], named: "first") { message, _ in [message] }
        let second = try Chain([Deduplicator(store)], named: "second") { message, _ in [message] }
        #expect(try await first(.numbered(1)).count == 1)
        #expect(try await second(.numbered(1)).count == 1)
        #expect(try await first(.numbered(1)).isEmpty)
    }

    @Test func handlesWhatHasNoKeyAndTellsPayloadsApart() async throws {
        let none = try Chain([Deduplicator(MemoryDeduplicationStore(), key: .none)]) { message, _ in [message] }
        for _ in 0..<3 { #expect(try await none(.numbered(1)).count == 1) }
        let payload = try Chain([Deduplicator(MemoryDeduplicationStore(), key: .payload)]) { message, _ in [message] }
        #expect(try await payload(Message(payload: [1])).count == 1)
        #expect(try await payload(Message(payload: [2])).count == 1)
        #expect(try await payload(Message(payload: [1])).isEmpty)
        let ids = [Message(payload: []), .numbered(1)].map { KeySelector.id($0) }
        #expect(ids[0]?.count == 16 && ids[1] == Array("m1".utf8))
    }

    @Test func aStoreThatFailsToCommitFailsNoMessage() async throws {
        let chain = try Chain([Deduplicator(Forgetful())]) { message, _ in [message] }
        #expect(try await chain(.numbered(1)).count == 1)
    }

    @Test(arguments: [false, true])
    func itSaysWhenAKeyMayBeKeptALittleLater(gathers: Bool) async throws {
        let store = NotingStore()
        let chain = try Chain([Deduplicator(store, gathers: gathers)]) { message, _ in [message] }
        #expect(try await chain(.numbered(1)).count == 1)
        #expect(store.calls.entries == [gathers ? "soon" : "now"])
    }

    private final class NotingStore: DeduplicationStore {
        let calls = Journal<String>()

        func reserve(_ key: [UInt8], scope: String) async throws -> Reservation { .fresh }
        func commit(_ key: [UInt8], scope: String, for window: Duration) async throws { calls.add("now") }
        func commitSoon(_ key: [UInt8], scope: String, for window: Duration) async throws { calls.add("soon") }
        func release(_ key: [UInt8], scope: String) async {}
    }

    private final class Forgetful: DeduplicationStore {
        func reserve(_ key: [UInt8], scope: String) async throws -> Reservation { .fresh }
        func commit(_ key: [UInt8], scope: String, for window: Duration) async throws { throw Broken() }
        func release(_ key: [UInt8], scope: String) async {}
    }
}

struct MemoryDeduplicationStoreTests {
    private func entry(_ number: Int) -> MemoryDeduplicationStore.Entry { .init(scope: "s", key: [UInt8(number)]) }
    private func at(_ seconds: UInt64) -> MonotonicTime {
        MonotonicTime(nanoseconds: (1_000 + seconds) * 1_000_000_000)
    }

    @Test func remembersAKeyForItsWindow() async throws {
        let store = MemoryDeduplicationStore()
        #expect(store.reserve(entry(1), at: at(0)) == .fresh)
        #expect(store.reserve(entry(1), at: at(0)) == .inProgress)
        store.commit(entry(1), for: .seconds(10), at: at(5))
        #expect(store.reserve(entry(1), at: at(14)) == .duplicate)
        #expect(store.reserve(entry(1), at: at(15)) == .fresh)
        // Committed again, the first expiry must not take the second with it.
        store.commit(entry(1), for: .seconds(10), at: at(16))
        store.commit(entry(2), for: .seconds(10), at: at(20))
        #expect(store.reserve(entry(1), at: at(25)) == .duplicate)
        // A release of what was handled forgets nothing.
        await store.release([1], scope: "s")
        #expect(store.reserve(entry(1), at: at(25)) == .duplicate)
    }

    @Test func forgetsTheOldestBeyondItsCapacity() throws {
        let store = try MemoryDeduplicationStore(.init(capacity: 3))
        for number in 0..<5 {
            #expect(store.reserve(entry(number), at: at(0)) == .fresh)
            store.commit(entry(number), for: .seconds(10), at: at(UInt64(number)))
        }
        #expect(
            (0..<5).map { store.reserve(entry($0), at: at(9)) } == [.fresh, .fresh, .duplicate, .duplicate, .duplicate])
    }
}
