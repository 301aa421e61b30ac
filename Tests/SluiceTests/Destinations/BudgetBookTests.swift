import SluiceTesting
import Testing

@testable import Sluice

@Suite(.timeLimit(.minutes(10)))
struct BudgetBookTests {
    private let start = MonotonicTime(nanoseconds: 1_000_000_000_000)

    private func book(ratio: Double = 0.2, window: Duration = .seconds(10), floor: Double = 1) -> BudgetBook {
        BudgetBook(RetryBudget(ratio: ratio, window: window, floor: floor), at: start)
    }

    private func takeAll(_ book: inout BudgetBook) -> Int {
        var count = 0
        while book.take() { count += 1 }
        return count
    }

    @Test func beginsWithAWindowOfTheFloor() {
        var book = book()
        #expect(book.remaining == 1)
        #expect(takeAll(&book) == 10)
        #expect(book.remaining == 0)
    }

    /// An hour in which everything fails and no message is new.
    @Test func theFloorAloneAllowsSoManyASecondHoweverOftenItIsAsked() {
        for step in [1, 7, 250, 30_000] {
            var book = book(floor: 1)
            var taken = 0
            for milliseconds in stride(from: 0, through: 3_600_000, by: step) {
                book.advance(to: start.advanced(by: .milliseconds(milliseconds)), firsts: 0)
                while book.take() { taken += 1 }
            }
            #expect(taken <= 3_600 + 10 && (taken >= 3_590 || step > 10_000), "every \(step) ms: \(taken)")
        }
    }

    @Test func firstAttemptsAllowAShareAndOnlyThoseOfAWindow() {
        var book = book(floor: 0.001)
        _ = takeAll(&book)
        book.advance(to: start.advanced(by: .seconds(1)), firsts: 1_000)
        #expect((199...201).contains(takeAll(&book)))
        // 100 a second for 100 s, and nothing is taken: what is saved up is the share of about 10 s.
        for second in 2...101 {
            book.advance(to: start.advanced(by: .seconds(second)), firsts: 1_000 + Int64(second - 1) * 100)
        }
        #expect((180...220).contains(takeAll(&book)))
        // Long after the last, no share of it is left.
        book.advance(to: start.advanced(by: .seconds(500)), firsts: 11_000)
        #expect(takeAll(&book) <= 1)
    }

    @Test func whatALookFindsAfterAQuietTimeIsTheShareOfOneWindow() {
        var book = book(floor: 0.1)
        book.advance(to: start.advanced(by: .seconds(1_000)), firsts: 10_000)
        // 100 first attempts in 10 s, and a floor of 1.
        #expect(takeAll(&book) == 21)
    }

    @Test func aSettlementGivesBackAndTakesWithinItsBounds() {
        var book = book()
        _ = takeAll(&book)
        book.settle(1)
        #expect(takeAll(&book) == 1)
        book.settle(1_000)
        #expect(takeAll(&book) == 10)
        // Attempts that did not ask are charged, and are no debt for ever.
        for _ in 0..<1_000 { book.settle(-1) }
        #expect(book.remaining == 0 && book.wait == .seconds(11))
    }

    @Test func saysWhenTheNextAttemptIsAllowed() {
        var book = book(floor: 4)
        _ = takeAll(&book)
        #expect(book.wait == .milliseconds(250))
        book.advance(to: start.advanced(by: .milliseconds(250)), firsts: 0)
        #expect(book.wait == .zero)
        #expect(takeAll(&book) == 1)
    }
}

@Suite(.timeLimit(.minutes(10)))
struct BudgetLineTests {
    /// A tick of the clock may bring less than is missing: the one that waits looks later, and not at the same moment without end.
    @Test func theWaitForAnAttemptThatIsNotAllowedIsNeverNothing() {
        var book = BudgetBook(RetryBudget(ratio: 0, window: .seconds(1), floor: 10), at: MonotonicTime(nanoseconds: 0))
        while book.take() {}
        book.settle(1 - 2e-9)
        let isAllowed = book.take()
        #expect(!isAllowed && book.wait >= .microseconds(1))
    }

    @Test func letsThoseInLineGoInTheirOrder() async throws {
        let line = BudgetLine(RetryBudget(ratio: 0, window: .milliseconds(10), floor: 100), time: .real)
        #expect(line.take(firsts: 0))
        let order = Journal<Int>()
        for number in 0..<20 {
            line.join(firsts: { 0 }) {
                order.add(number)
                return true
            }
        }
        // Nothing overtakes them.
        #expect(!line.take(firsts: 0) || order.count == 20)
        try await eventually { order.count == 20 }
        #expect(order.entries == Array(0..<20))
        #expect(line.waiting == 0)
    }

    @Test func aSuccessLetsTheNextGoAtOnceAndOneThatIsGonePassesItsTurnOn() {
        let line = BudgetLine(RetryBudget(ratio: 0, window: .seconds(1_000_000), floor: 0.000_001), time: .real)
        #expect(line.take(firsts: 0) && !line.take(firsts: 0))
        let order = Journal<Int>()
        for number in 0..<4 {
            line.join(firsts: { 0 }) {
                order.add(number)
                return number != 1
            }
        }
        #expect(order.entries.isEmpty && line.waiting == 4)
        line.settle(1, firsts: { 0 })
        #expect(order.entries == [0])
        line.settle(1, firsts: { 0 })
        #expect(order.entries == [0, 1, 2])
        line.settle(1, firsts: { 0 })
        #expect(order.entries == [0, 1, 2, 3] && line.waiting == 0)
    }

    @Test func losesNoAttemptAmongManyTasks() async {
        let line = BudgetLine(RetryBudget(ratio: 0, window: .seconds(1_000_000), floor: 0.01), time: .real)
        let taken = Counter()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    for _ in 0..<5_000 where line.take(firsts: 0) { taken.add() }
                }
            }
        }
        #expect(taken.value == 10_000)
    }
}
