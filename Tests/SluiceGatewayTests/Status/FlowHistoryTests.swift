import Sluice
import Testing

@testable import SluiceGateway

struct FlowHistoryTests {
    private func time(_ seconds: Double) -> MonotonicTime {
        MonotonicTime(nanoseconds: UInt64(1e12 + seconds * 1e9))
    }

    @Test func theRateIsThatOfTheLastFifteenSeconds() {
        var history = FlowHistory()
        for second in stride(from: 0, through: 60, by: 5) {
            // 10 a second for 45 s, then none.
            history.note(Int64(min(second, 45) * 10), at: time(Double(second)))
        }
        #expect(history.flow(450, at: time(60)).perSecond == 0)
        var busy = FlowHistory()
        for second in stride(from: 0, through: 60, by: 5) { busy.note(Int64(second * 10), at: time(Double(second))) }
        #expect(abs(busy.flow(620, at: time(62)).perSecond - 10) < 0.5)
    }

    @Test func anHourHasSixtyMinutesOfWhichTheLastIsUnderWay() {
        var history = FlowHistory()
        var total: Int64 = 0
        for second in stride(from: 0, through: 3 * 3_600, by: 5) {
            history.note(total, at: time(Double(second)))
            total += 5
        }
        let minutes = history.flow(total, at: time(3 * 3_600)).minutes
        #expect(minutes.count == FlowHistory.minutes)
        #expect(minutes.dropLast().allSatisfy { $0 == 60 })
        #expect(minutes.reduce(0, +) <= 3_600)
    }

    @Test func aProcessThatSleptShowsItsMinutesEmpty() {
        var history = FlowHistory()
        history.note(0, at: time(0))
        history.note(100, at: time(30))
        history.note(100, at: time(600))
        let flow = history.flow(100, at: time(600))
        #expect(
            flow.minutes.count == 11 && flow.minutes.first == 100 && flow.minutes.dropFirst().allSatisfy { $0 == 0 })
        #expect(flow.perSecond == 0)
    }

    @Test func aCountThatFellIsNoNegativeFlow() {
        var history = FlowHistory()
        history.note(1_000, at: time(0))
        history.note(10, at: time(70))
        let flow = history.flow(5, at: time(80))
        #expect(flow.perSecond == 0 && flow.minutes.allSatisfy { $0 >= 0 })
    }
}
