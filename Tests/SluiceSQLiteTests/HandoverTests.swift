import Sluice
import Testing

@testable import SluiceSQLite

@Suite struct HandoverTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func set(_ offsets: Set<Int64>) -> OffsetSet {
        var set = OffsetSet()
        set.insert(ascending: offsets.sorted())
        return set
    }

    private func offsets(_ set: OffsetSet) -> Set<Int64> { Set((1...24).filter { set.contains($0) }) }

    @Test func setsOfOffsetsAreCombinedAsSetsAre() {
        for _ in 0..<2_000 {
            let (a, b) = (
                Set((1...20).filter { _ in Bool.random() }.map(Int64.init)),
                Set((1...20).filter { _ in Int.random(in: 0..<4) > 0 }.map(Int64.init))
            )
            let (shared, all) = (set(a).intersection(set(b)), set(a).union(set(b)))
            #expect(offsets(shared) == a.intersection(b) && shared == set(a.intersection(b)), "\(a) \(b)")
            #expect(offsets(all) == a.union(b) && all == set(a.union(b)), "\(a) \(b)")
        }
    }

    /// Settles these of the topic's messages for a group.
    private func settle(_ wanted: Set<Int64>, _ group: String, of count: Int, _ log: SQLiteLog) async throws {
        let subscriber = log.subscriber(group: group)
        let subscription = try await subscriber.subscribe(to: "t")
        var seen = 0
        while seen < count, let batch = try await subscription.next() {
            for delivery in batch {
                seen += 1
                if wanted.contains(delivery.origin.offset ?? 0) { delivery.acknowledge() }
            }
        }
        await subscriber.close()
        try await eventually { try await log.backlog(group: group, topic: "t").messages == Int64(count - wanted.count) }
    }

    private func begin(_ log: SQLiteLog, required: Set<String> = ["a", "b"], idle: Duration = .seconds(3_600))
        async throws -> SQLiteHandover
    {
        try await log.beginHandover(of: "t", readBy: ["a", "b", "c"], required: required, idle: idle, to: "mover")
    }

    @Test(arguments: [true, false])
    func theGroupGetsWhatNotEveryReaderHasSettled(_ endsBefore: Bool) async throws {
        let log = try directory.open()
        let nothing = try await begin(log)
        #expect(nothing.messages == 0)
        #expect(try await log.groups().isEmpty)
        try await log.publisher().publish((1...6).map { message("\($0)") }, to: "t")
        try await settle([1, 2, 4, 6], "a", of: 6, log)
        try await settle([1, 2, 3, 4], "b", of: 6, log)
        await log.close()
        let again = try directory.open()
        let handover = try await begin(again)
        #expect(handover.messages == 3 && handover.isNew)
        #expect(handover.settled["a"].map(offsets) == [1, 2, 4, 6])
        #expect(try await again.endHandover(of: "t", readBy: ["a", "b"], to: "mover") == false)
        let subscriber = again.subscriber(group: "mover")
        let subscription = try await subscriber.subscribe(to: "t")
        var moved: [Int64] = []
        while moved.count < 3, let batch = try await subscription.next() {
            for delivery in batch {
                moved.append(delivery.origin.offset ?? 0)
                delivery.acknowledge()
            }
        }
        #expect(moved == [3, 5, 6])
        if endsBefore {
            try await eventually { try await again.endHandover(of: "t", readBy: ["a", "b"], to: "mover") }
            #expect(try await again.groups().allSatisfy { $0.backlog.messages == 0 && $0.settledThrough == 6 })
        }
        await again.close()
        let last = try directory.open()
        // Also where the process that moved it was killed before it could end it.
        for _ in 0..<2 {
            #expect(try await begin(last).messages == 0)
            #expect(try await last.groups().map(\.name) == ["a", "b"])
            #expect(try await last.groups().allSatisfy { $0.backlog.messages == 0 && $0.settledThrough == 6 })
        }
        await last.close()
    }

    @Test func oneThatReadLongAgoCountsOnlyWhileItIsConfigured() async throws {
        let log = try directory.open()
        try await log.publisher().publish((1...4).map { message("\($0)") }, to: "t")
        try await settle([1, 2, 3], "a", of: 4, log)
        try await settle([], "c", of: 4, log)
        await log.close()
        let again = try directory.open()
        try await eventually { try await again.groups().allSatisfy { ($0.lastRead ?? .now()) < .now() } }
        #expect(try await begin(again, required: ["a"], idle: .milliseconds(1)).messages == 1)
        try await again.remove(group: "mover", topic: "t")
        #expect(try await begin(again, required: ["a", "c"], idle: .milliseconds(1)).messages == 4)
        await again.close()
    }

    @Test func factsAreRememberedAndForgotten() async throws {
        let log = try directory.open()
        #expect(try await log.fact("x") == nil)
        try await log.setFact("x", "1")
        await log.close()
        let again = try directory.open()
        #expect(try await again.fact("x") == "1")
        try await again.setFact("x", nil)
        #expect(try await again.fact("x") == nil)
        await again.close()
    }
}
