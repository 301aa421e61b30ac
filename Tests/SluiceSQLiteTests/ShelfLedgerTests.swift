import Sluice
import Testing

@testable import SluiceSQLite

struct ShelfLedgerTests {
    private let key: [UInt8] = [1]

    private func ledger(of offsets: [Int64]) -> GroupLedger {
        var ledger = GroupLedger(settled: OffsetSet())
        ledger.read(through: 10)
        ledger.shelve(offsets.map { ShelfLedger.Entry(offset: $0, key: key) })
        return ledger
    }

    private func take(_ key: [UInt8], of ledger: inout GroupLedger, limit: Int = 8) -> ShelfLedger.Portion {
        ledger.shelf.take(key, rows: [], limit: limit, before: 11)
    }

    @Test func whatIsHandledAfterALapseComesNoMore() {
        var ledger = ledger(of: [3, 5, 7])
        let first = take(key, of: &ledger, limit: 2)
        #expect(first.offsets == [3, 5])
        ledger = ledger.restarted()
        _ = ledger.acknowledge(3)
        ledger.absorb()
        #expect(ledger.shelf.finished == [ShelfLedger.Entry(offset: 3, key: key)])
        let second = take(key, of: &ledger)
        #expect(second == .init(offsets: [5, 7], isLast: true))
        // One that is out again is handled once.
        _ = ledger.acknowledge(5)
        _ = ledger.acknowledge(5)
        ledger.absorb()
        #expect(ledger.shelf.finished.map(\.offset) == [3, 5])
    }

    @Test func whatIsOfAnotherKeyByNowIsOfThatAlone() {
        var ledger = ledger(of: [3, 5, 7])
        let other: [UInt8] = [2]
        let first = take(key, of: &ledger)
        #expect(first.offsets == [3, 5, 7])
        ledger.moveShelved([ShelfLedger.Entry(offset: 5, key: other)])
        let request = ledger.shelf.nextRequest { _ in true }
        #expect(request == ShelfLedger.Request(key: other, feed: nil))
        let moved = take(other, of: &ledger)
        #expect(moved == .init(offsets: [5], isLast: true))
        _ = ledger.acknowledge(5)
        ledger.absorb()
        #expect(ledger.shelf.finished == [ShelfLedger.Entry(offset: 5, key: other)])
        // What is put back of the old key brings back only that.
        ledger.unshelve([3])
        let again = take(key, of: &ledger)
        #expect(again.offsets == [3])
    }

    @Test func setsOfOffsetsAreReducedAsSetsAre() {
        for _ in 0..<2_000 {
            let all = Set((1...20).filter { _ in Int.random(in: 0..<4) > 0 }.map(Int64.init))
            let gone = (1...22).filter { _ in Int.random(in: 0..<3) == 0 }.map(Int64.init)
            var set = OffsetSet()
            set.insert(ascending: all.sorted())
            let left = set.subtracting(ascending: gone)
            var expected = OffsetSet()
            expected.insert(ascending: all.subtracting(gone).sorted())
            #expect(left == expected, "\(all.sorted()) without \(gone)")
        }
    }
}
