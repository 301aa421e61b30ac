import Sluice
import Testing

@testable import SluiceAMQP

struct ReconnectScheduleTests {
    private let backoff = Backoff.exponential(from: .milliseconds(100), upTo: .seconds(8), jitter: false)
    private let away = AMQPError(.unreachable, "away")

    @Test func everyHostGetsItsTurnBeforeAnythingIsWaitedFor() {
        var schedule = ReconnectSchedule(hosts: 3, backoff: backoff)
        #expect(schedule.host == 0)
        #expect(after(&schedule) { $0.failed(away) } == .zero)
        #expect(schedule.host == 1)
        #expect(after(&schedule) { $0.failed(away) } == .zero)
        #expect(schedule.host == 2)
        #expect(after(&schedule) { $0.failed(away) } == .milliseconds(100))
        #expect(schedule.host == 0)
    }

    @Test func waitsGrowUpToTheirBound() {
        var schedule = ReconnectSchedule(hosts: 1, backoff: backoff)
        let waits = (0..<9).map { _ in schedule.failed(away) }
        #expect(waits.prefix(4) == [.milliseconds(100), .milliseconds(200), .milliseconds(400), .milliseconds(800)])
        #expect(waits.last == .seconds(8))
    }

    @Test func aConnectionThatBreaksAtOnceIsNoSuccess() {
        var schedule = ReconnectSchedule(hosts: 1, backoff: backoff)
        for _ in 0..<4 { _ = schedule.failed(away) }
        schedule.lost(after: .milliseconds(5))
        // The bound is computed with a floating point.
        #expect(abs(after(&schedule) { $0.failed(away) }.inSeconds - 1.6) < 1e-9)
        schedule.lost(after: .seconds(60))
        #expect(after(&schedule) { $0.failed(away) } == .milliseconds(100))
    }

    @Test func whoIsRefusedWaitsForLonger() {
        var schedule = ReconnectSchedule(hosts: 2, backoff: backoff)
        #expect(after(&schedule) { $0.failed(AMQPError(.authentication, "no")) } == .seconds(5))
        #expect(schedule.host == 1)
    }

    @Test func waitsAreJitteredAndNeverNothing() {
        var schedule = ReconnectSchedule(
            hosts: 1, backoff: .exponential(from: .milliseconds(100), upTo: .milliseconds(100)))
        let waits = Set((0..<32).map { _ in schedule.failed(away) })
        #expect(waits.count > 1)
        #expect(waits.allSatisfy { $0 >= .milliseconds(50) && $0 <= .milliseconds(100) })
    }
}
