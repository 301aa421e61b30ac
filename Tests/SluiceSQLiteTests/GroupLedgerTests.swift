import Sluice
import SluiceTesting
import Testing

@testable import SluiceSQLite

@Suite struct OffsetSetTests {
    /// Against a plain set, with batches in random order.
    @Test(arguments: 0..<20) func holdsExactlyWhatWasInserted(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var set = OffsetSet()
        var model: Set<Int64> = []
        for _ in 0..<60 {
            let batch = (0..<Int.random(in: 1...8, using: &random)).map { _ in Int64.random(in: 1...200, using: &random)
            }
            set.insert(ascending: batch.sorted())
            model.formUnion(batch)
            let decoded = set.encodeAhead().withUnsafeBytes { OffsetSet(through: set.through, ahead: $0) }
            #expect(decoded == set)
            #expect((Int64(1)...210).allSatisfy { set.contains($0) == model.contains($0) })
            #expect(set.through + set.countAhead == Int64(model.count))
            #expect(set.ranges.allSatisfy { !set.contains($0.lowerBound - 1) && !set.contains($0.upperBound + 1) })
        }
    }

    @Test func findsGaps() {
        let set = OffsetSet(through: 3, ranges: [5...6, 9...9])
        #expect(set.gap(after: 0) == 4...4)
        #expect(set.gap(after: 4) == 7...8)
        #expect(set.gap(after: 5) == 7...8)
        #expect(set.gap(after: 7) == 8...8)
        #expect(set.gap(after: 8) == 10...OffsetSet.limit)
    }

    @Test(arguments: [[0xFF], [0xFF, 0xFF], [1], [0, 0, 0], [UInt8](repeating: 0xFF, count: 40)])
    func readsDamagedRangesWithoutTrapping(bytes: [UInt8]) {
        let set = bytes.withUnsafeBytes { OffsetSet(through: .max, ahead: $0) }
        #expect(set.through < OffsetSet.limit)
    }
}

@Suite struct GroupLedgerTests {
    private func deliver(_ ledger: inout GroupLedger, _ offsets: ClosedRange<Int64>, feed: UInt32 = 1) {
        ledger.deliver(offsets.map { GroupLedger.Outstanding(offset: $0, feed: feed, attempt: 1) })
        ledger.read(through: offsets.upperBound)
    }

    @Test func remembersWhatWasSettledOutOfOrder() {
        var ledger = GroupLedger(settled: OffsetSet())
        deliver(&ledger, 1...5)
        for offset: Int64 in [5, 3, 1] { _ = ledger.acknowledge(offset) }
        ledger.absorb()
        #expect(ledger.settled == OffsetSet(through: 1, ranges: [3...3, 5...5]))
        #expect(ledger.inFlight.map(\.offset) == [2, 4])
        #expect(ledger.isDirty)
    }

    @Test func deliversARejectedMessageWhenItIsDue() {
        var ledger = GroupLedger(settled: OffsetSet())
        deliver(&ledger, 1...3)
        let start = MonotonicTime(nanoseconds: 0)
        let rejected = [
            ledger.reject(2, feed: 1, after: .nanoseconds(50), now: start),
            ledger.reject(1, feed: 1, after: .nanoseconds(100), now: start),
            ledger.reject(1, feed: 1, after: nil, now: start),
        ]
        #expect(rejected == [true, true, false])
        let early = ledger.takeDue(now: MonotonicTime(nanoseconds: 49), limit: 9)
        #expect(early.isEmpty)
        #expect(ledger.nextDue == MonotonicTime(nanoseconds: 50))
        #expect(ledger.unsettled == 3)
        let due = ledger.takeDue(now: MonotonicTime(nanoseconds: 100), limit: 9)
        #expect(due.map(\.place) == [2, 1])
        #expect(due.map(\.item) == [2, 2])
    }

    /// The reader waits for a part of what is under way to be settled, and not of what rests in a route.
    @Test func whatRestsIsNotUnderWay() {
        var ledger = GroupLedger(settled: OffsetSet())
        deliver(&ledger, 1...10)
        for offset: Int64 in 1...8 { ledger.note(offset, isResting: true) }
        #expect(ledger.underWay == 2 && ledger.unsettled == 10)
        ledger.note(1, isResting: false)
        _ = ledger.acknowledge(1)
        _ = ledger.reject(2, feed: 1, after: nil, now: MonotonicTime(nanoseconds: 0))
        ledger.absorb()
        #expect(ledger.underWay == 2 && ledger.unsettled == 9)
        ledger.abandon(feed: 1)
        #expect(ledger.underWay == 0 && ledger.restarted().underWay == 0)
    }

    @Test func pacesAMessageWhoseRejectionsNameNoDelay() {
        var ledger = GroupLedger(settled: OffsetSet())
        let now = MonotonicTime(nanoseconds: 0)
        deliver(&ledger, 1...1)
        var waits: [UInt64?] = []
        for _ in 0..<14 {
            _ = ledger.reject(1, feed: 1, after: nil, now: now)
            waits.append(ledger.nextDue?.nanoseconds)
            let due = ledger.takeDue(now: MonotonicTime(nanoseconds: .max), limit: 1)
            ledger.deliver(due.map { GroupLedger.Outstanding(offset: $0.place, feed: 1, attempt: $0.item) })
        }
        #expect(waits.prefix(4) == [0, 1_000_000, 2_000_000, 4_000_000])
        #expect(waits.last == 1_000_000_000)
    }

    @Test func abandonsWhatAFeedHoldsAndTakesLateAcknowledgements() {
        var ledger = GroupLedger(settled: OffsetSet())
        deliver(&ledger, 1...2, feed: 1)
        deliver(&ledger, 3...4, feed: 2)
        ledger.abandon(feed: 1)
        #expect(ledger.inFlight.map(\.offset) == [3, 4])
        _ = ledger.acknowledge(1)
        ledger.absorb()
        #expect(ledger.waiting.entries.map(\.place) == [2])
        #expect(ledger.settled.through == 1)
    }

    /// Whatever happens, each message is in exactly one place.
    @Test(arguments: 0..<20) func losesNothing(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var ledger = GroupLedger(settled: OffsetSet())
        var now: UInt64 = 1
        for _ in 0..<400 {
            now += 1
            switch Int.random(in: 0..<6, using: &random) {
            case 0:
                deliver(&ledger, (ledger.cursor + 1)...(ledger.cursor + 3), feed: .random(in: 1...2, using: &random))
            case 1, 2:
                if let message = ledger.inFlight.randomElement(using: &random) {
                    _ = ledger.acknowledge(message.offset)
                }
            case 3:
                if let message = ledger.inFlight.randomElement(using: &random), ledger.notedCount == 0 {
                    _ = ledger.reject(
                        message.offset, feed: message.feed, after: .nanoseconds(5),
                        now: MonotonicTime(nanoseconds: now))
                }
            case 4: ledger.abandon(feed: .random(in: 1...2, using: &random))
            default:
                let due = ledger.takeDue(now: MonotonicTime(nanoseconds: now), limit: 2)
                ledger.deliver(due.map { GroupLedger.Outstanding(offset: $0.place, feed: 1, attempt: $0.item) })
            }
            ledger.absorb()
            var places = (0...ledger.cursor).map { ledger.settled.contains($0) ? 1 : 0 }
            for message in ledger.inFlight { places[Int(message.offset)] += 1 }
            for message in ledger.waiting.entries { places[Int(message.place)] += 1 }
            #expect(places.allSatisfy { $0 == 1 })
        }
    }
}
