import Testing

@testable import SluiceAMQP

struct ConfirmLedgerTests {
    private func ledger(_ count: Int) -> ConfirmLedger<Int> {
        var ledger = ConfirmLedger<Int>()
        for number in 1..<count + 1 { ledger.append(number) }
        return ledger
    }

    private func confirm(_ ledger: inout ConfirmLedger<Int>, _ number: UInt64, multiple: Bool = false) -> [Int] {
        var settled: [Int] = []
        ledger.confirm(number, multiple: multiple) { settled.append($0) }
        return settled
    }

    @Test func aConfirmForManySettlesAllUpToItInOrder() {
        var ledger = ledger(5)
        #expect(confirm(&ledger, 3, multiple: true) == [1, 2, 3])
        #expect(ledger.count == 2)
        #expect(confirm(&ledger, 5, multiple: true) == [4, 5])
        #expect(ledger.isEmpty)
    }

    @Test func confirmsComeOutOfOrder() {
        var ledger = ledger(5)
        #expect(confirm(&ledger, 4) == [4])
        #expect(confirm(&ledger, 2) == [2])
        #expect(confirm(&ledger, 4, multiple: true) == [1, 3])
        #expect(confirm(&ledger, 5) == [5])
        #expect(ledger.isEmpty)
        ledger.append(6)
        #expect(confirm(&ledger, 6) == [6])
    }

    @Test func nothingIsSettledTwiceOrBeforeItWasSent() {
        var ledger = ledger(2)
        #expect(confirm(&ledger, 1) == [1])
        #expect(confirm(&ledger, 1) == [])
        #expect(confirm(&ledger, 3) == [])
        #expect(confirm(&ledger, .max) == [])
        #expect(confirm(&ledger, 1, multiple: true) == [])
        #expect(confirm(&ledger, .max, multiple: true) == [])
        #expect(confirm(&ledger, 2, multiple: true) == [2])
        #expect(confirm(&ledger, 2) == [])
        #expect(ledger.isEmpty)
    }

    /// A broker that confirms what was never sent, or twice, cannot be believed.
    @Test func tellsWhetherAConfirmMakesSense() {
        var ledger = ledger(3)
        func makesSense(_ number: UInt64, multiple: Bool = false) -> Bool {
            ledger.confirm(number, multiple: multiple) { _ in }
        }
        for (number, multiple, expected) in [
            (4, false, false), (4, true, false), (0, false, false), (2, false, true), (2, false, false),
            (3, true, true), (3, true, false), (1, true, false),
        ] as [(UInt64, Bool, Bool)] {
            let actual = makesSense(number, multiple: multiple)
            #expect(actual == expected, "\(number) \(multiple)")
        }
    }

    @Test func zeroForManyIsAll() {
        var ledger = ledger(3)
        #expect(confirm(&ledger, 0) == [])
        #expect(confirm(&ledger, 0, multiple: true) == [1, 2, 3])
    }

    @Test func whatIsLeftComesOutAndTheCountBeginsAgain() {
        var ledger = ledger(4)
        _ = confirm(&ledger, 2)
        #expect(after(&ledger) { $0.removeAll() } == [1, 3, 4])
        ledger.append(9)
        #expect(confirm(&ledger, 1) == [9])
    }

    @Test func changesTheOldestThatFits() {
        var ledger = ledger(4)
        _ = confirm(&ledger, 1)
        let found = ledger.change { item in
            guard item > 2 else { return false }
            item = 30
            return true
        }
        #expect(found)
        #expect(after(&ledger) { $0.removeAll() } == [2, 30, 4])
    }

    /// Against a dictionary, with every mixture of confirms.
    @Test func agreesWithASimpleOne() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<200 {
            var ledger = ConfirmLedger<UInt64>()
            var open: Set<UInt64> = []
            var next: UInt64 = 1
            for _ in 0..<100 {
                if Bool.random(using: &random) || open.isEmpty {
                    ledger.append(next)
                    open.insert(next)
                    next += 1
                } else {
                    let number = UInt64.random(in: 1..<next, using: &random)
                    let multiple = Bool.random(using: &random)
                    var settled: Set<UInt64> = []
                    ledger.confirm(number, multiple: multiple) { settled.insert($0) }
                    let expected = open.filter { multiple ? $0 <= number : $0 == number }
                    #expect(settled == expected)
                    open.subtract(expected)
                }
                #expect(ledger.count == open.count)
            }
        }
    }
}
