import Testing

@testable import SluiceAMQP

struct SettlementLedgerTests {
    private func ledger(_ count: UInt64) -> SettlementLedger<Int> {
        var ledger = SettlementLedger<Int>()
        for tag in 1..<count + 1 { _ = ledger.deliver(tag, Int(tag)) }
        return ledger
    }

    @Test func countsTheBytesThatAreOut() {
        var ledger = SettlementLedger<Int>()
        for tag: UInt64 in 1...3 { #expect(after(&ledger) { $0.deliver(tag, 0, size: Int(tag) * 10) }) }
        #expect(ledger.outstandingBytes == 60)
        #expect(after(&ledger) { $0.acknowledge(2) } && ledger.outstandingBytes == 40)
        #expect(after(&ledger) { !$0.acknowledge(2) } && ledger.outstandingBytes == 40)
        #expect(after(&ledger) { $0.giveBack(1) } && ledger.outstandingBytes == 30)
        #expect(after(&ledger) { $0.acknowledge(3) } && ledger.outstandingBytes == 0)
    }

    @Test func whatIsSettledWithoutAGapGoesInOneAcknowledgement() {
        var ledger = ledger(5)
        for tag: UInt64 in [2, 1, 3] { #expect(after(&ledger) { $0.acknowledge(tag) }) }
        #expect(after(&ledger) { $0.flush() } == .init(upTo: 3, singles: []))
        #expect(ledger.outstanding == 2)
        #expect(after(&ledger) { $0.flush() }.isEmpty)
    }

    @Test func whatLiesBehindOneThatIsOutGoesSingly() {
        var ledger = ledger(5)
        for tag: UInt64 in [2, 4] { #expect(after(&ledger) { $0.acknowledge(tag) }) }
        #expect(after(&ledger) { $0.flush() } == .init(upTo: nil, singles: [2, 4]))
        #expect(after(&ledger) { $0.acknowledge(1) })
        // 2 is known already, and only a tag that is out may be named.
        #expect(after(&ledger) { $0.flush() } == .init(upTo: 1, singles: []))
        #expect(after(&ledger) { $0.acknowledge(3) })
        #expect(after(&ledger) { $0.acknowledge(5) })
        #expect(after(&ledger) { $0.flush() } == .init(upTo: 5, singles: []))
        #expect(ledger.outstanding == 0)
    }

    @Test func whatWasGivenBackIsNotAcknowledged() {
        var ledger = ledger(3)
        #expect(after(&ledger) { $0.giveBack(1) })
        #expect(!after(&ledger) { $0.giveBack(1) })
        #expect(!after(&ledger) { $0.acknowledge(1) })
        #expect(after(&ledger) { $0.flush() }.isEmpty)
        #expect(after(&ledger) { $0.acknowledge(2) })
        #expect(after(&ledger) { $0.giveBack(3) })
        #expect(after(&ledger) { $0.flush() } == .init(upTo: 2, singles: []))
        #expect(ledger.outstanding == 0)
        #expect(after(&ledger) { $0.deliver(4, 4) })
        #expect(after(&ledger) { $0.acknowledge(4) })
        #expect(after(&ledger) { $0.flush() } == .init(upTo: 4, singles: []))
    }

    @Test func aTagSettlesOnce() {
        var ledger = ledger(1)
        #expect(ledger.original(1) == 1)
        #expect(after(&ledger) { $0.acknowledge(1) })
        #expect(!after(&ledger) { $0.acknowledge(1) })
        #expect(ledger.original(1) == nil)
        #expect(!after(&ledger) { $0.acknowledge(2) })
        #expect(!after(&ledger) { $0.acknowledge(0) })
    }

    @Test func aBrokerThatMiscountsIsNoticed() {
        var ledger = ledger(2)
        #expect(!after(&ledger) { $0.deliver(2, 2) })
        #expect(!after(&ledger) { $0.deliver(4, 4) })
        #expect(!after(&ledger) { $0.deliver(0, 0) })
        #expect(after(&ledger) { $0.deliver(3, 3) })
    }

    /// The rules of the protocol: an acknowledgement names a tag that is out, and nothing is acknowledged that was not
    /// settled.
    @Test func neverAcknowledgesWhatIsOutNorNamesWhatIsNot() {
        for _ in 0..<300 {
            var ledger = SettlementLedger<Int>()
            var (next, out, settled): (UInt64, Set<UInt64>, Set<UInt64>) = (1, [], [])
            func check(_ flush: SettlementLedger<Int>.Flush) {
                if let upTo = flush.upTo {
                    #expect(out.contains(upTo))
                    let covered = out.filter { $0 <= upTo }
                    #expect(covered.isSubset(of: settled))
                    out.subtract(covered)
                }
                for tag in flush.singles {
                    #expect(out.contains(tag) && settled.contains(tag))
                    out.remove(tag)
                }
            }
            for _ in 0..<120 {
                switch Int.random(in: 0..<10) {
                case 0..<4:
                    #expect(after(&ledger) { $0.deliver(next, 0) })
                    out.insert(next)
                    next += 1
                case 4..<7:
                    if let tag = out.subtracting(settled).randomElement() {
                        #expect(after(&ledger) { $0.acknowledge(tag) })
                        settled.insert(tag)
                    }
                case 7:
                    if let tag = out.subtracting(settled).randomElement() {
                        #expect(after(&ledger) { $0.giveBack(tag) })
                        out.remove(tag)
                    }
                default: check(ledger.flush())
                }
                #expect(ledger.outstanding == out.subtracting(settled).count)
            }
            check(ledger.flush())
            #expect(out.isDisjoint(with: settled))
        }
    }
}
