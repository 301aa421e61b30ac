import SluiceTesting
import Synchronization
import Testing

@testable import Sluice

struct ShelfAllowanceTests {
    @Test func fewKeysMayPutAsideMoreThanMany() {
        var allowance = ShelfAllowance(.durable)
        #expect(allowance.isOpen(keys: 1_000))
        let early = allowance.spend(4_095)
        #expect(!early && allowance.isOpen(keys: 1_000))
        let startsTimer = allowance.spend(1)
        #expect(startsTimer)
        #expect(!allowance.isOpen(keys: 9))
        #expect(allowance.isOpen(keys: 8))
        _ = allowance.spend(.max)
        _ = allowance.spend(.max)
        #expect(!allowance.isOpen(keys: 9))
    }

    @Test func aMessageThatIsHandledGivesAllOfItBack() {
        var allowance = ShelfAllowance(.volatile)
        let opensBefore = allowance.noteProgress()
        let startsTimer = allowance.spend(4_096)
        #expect(!opensBefore && !startsTimer, "time adds nothing here")
        #expect(!allowance.isOpen(keys: 9) && allowance.isOpen(keys: 8))
        _ = allowance.spend(70_000)
        #expect(!allowance.isOpen(keys: 1))
        let opens = allowance.noteProgress()
        #expect(opens && allowance.isOpen(keys: 9))
        let opensAgain = allowance.noteProgress()
        #expect(!opensAgain)
    }

    @Test func timeAddsALittle() {
        var allowance = ShelfAllowance(.durable)
        let first = allowance.spend(6_000)
        let second = allowance.spend(1)
        #expect(first && !second, "one timer is enough")
        let again = allowance.refill()
        #expect(again && !allowance.isOpen(keys: 9), "it is not enough yet")
        let third = allowance.refill()
        #expect(!third && allowance.isOpen(keys: 9))
        let later = allowance.spend(1_000)
        #expect(later)
    }

    @Test func theSourceIsToldWhenTheShelfOpens() async throws {
        var pace = ShelfAllowance.Configuration.durable
        pace.interval = .milliseconds(1)
        let opened = Atomic<Int>(0)
        let shelf = Shelf(
            pace, maxInFlight: 1, onReading: {}, onRequest: { _ in },
            onOpen: { opened.wrappingAdd(1, ordering: .relaxed) })
        shelf.noteShelved(9_000)
        try await eventually { shelf.isOpen(keys: 9) }
        try await eventually { opened.load(ordering: .relaxed) == 5 }
        shelf.noteProgress()
        shelf.noteShelved(4_096)
        shelf.noteProgress()
        #expect(opened.load(ordering: .relaxed) >= 6)
    }
}
