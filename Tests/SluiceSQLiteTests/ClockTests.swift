import Foundation
import Sluice
import Synchronization
import Testing

@testable import SluiceSQLite

/// A wall clock that can be set, and one that only runs.
final class TwoClocks: Sendable {
    private struct State {
        var wall: Int64
        var elapsed: Int64 = 1_000_000
    }

    private let state: Mutex<State>

    /// - Parameter wall: milliseconds since 1970.
    init(wall: Int64 = Timestamp.now().millisecondsSince1970) {
        state = Mutex(State(wall: wall))
    }

    var wall: Int64 { state.withLock(\.wall) }

    var clock: LogClock {
        LogClock(
            wall: { Timestamp(millisecondsSince1970: self.wall) },
            elapsed: { .milliseconds(self.state.withLock(\.elapsed)) })
    }

    /// Time passes, on both.
    func run(_ milliseconds: Int64) {
        state.withLock { state in
            state.wall += milliseconds
            state.elapsed += milliseconds
        }
    }

    /// The wall clock is set.
    func set(by milliseconds: Int64) {
        state.withLock { $0.wall += milliseconds }
    }

    /// The machine is off: what only runs begins anew.
    func off(for milliseconds: Int64) {
        state.withLock { state in
            state.wall += milliseconds
            state.elapsed = 5_000
        }
    }
}

/// A value that observers change.
final class Noted<Value: Sendable>: Sendable {
    private let content: Mutex<Value>

    init(_ value: Value) {
        content = Mutex(value)
    }

    var value: Value { content.withLock(\.self) }

    func change(_ body: (inout Value) -> Void) {
        content.withLock { body(&$0) }
    }
}

private let minute: Int64 = 60_000
private let day: Int64 = 86_400_000

@Suite struct ClockTests {
    let directory: TemporaryDirectory
    let clocks = TwoClocks()
    let doubts = Noted<[String?]>([])

    init() throws { directory = try TemporaryDirectory() }

    /// Keeps what is settled for ten days.
    private func open() throws -> SQLiteLog {
        var configuration = directory.configuration()
        configuration.retention = .init(age: .seconds(10 * 86_400))
        configuration.clock = clocks.clock
        configuration.retention.observer.clock = { [doubts] doubt in doubts.change { $0.append(doubt) } }
        return try SQLiteLog.open(configuration)
    }

    /// Appends a message as if it had been committed so long ago.
    private func append(ago: Int64, to log: SQLiteLog) async throws {
        let time = Timestamp(millisecondsSince1970: clocks.wall - ago)
        try await log.writer.perform { session in
            try session.table(for: "t").append(
                message("m"), nil, transaction: session.transaction &+ UInt64.random(in: 1 << 40...1 << 41), now: time)
        }
    }

    private func remaining(_ log: SQLiteLog) async throws -> Int {
        try await log.messages(in: "t").reduce(into: 0) { $0 += $1.count }
    }

    @Test func aRightClockDeletesWhatIsOld() async throws {
        let log = try open()
        for age in [20, 15, 11, 9, 1] { try await append(ago: Int64(age) * day, to: log) }
        #expect(try await log.retain() == 3)
        clocks.run(3 * day)
        #expect(try await log.retain() == 1, "the clock ran, as the other one did")
        #expect(log.clockDoubt == nil)
        #expect(doubts.value.isEmpty)
        await log.close()
    }

    @Test(arguments: [2, 30, 400, 4_000] as [Int64])
    func aClockThatIsAheadDeletesNothing(days: Int64) async throws {
        let log = try open()
        for age in [9, 5, 1, 0] { try await append(ago: Int64(age) * day, to: log) }
        try await log.retain()
        clocks.set(by: days * day)
        clocks.run(minute)
        #expect(try await log.retain() == 0)
        #expect(try await remaining(log) == 4)
        #expect(log.clockDoubt?.contains("\(days) days ahead") == true)
        // It is set right again.
        clocks.set(by: -days * day)
        clocks.run(2 * day)
        #expect(try await log.retain() == 1)
        #expect(log.clockDoubt == nil)
        #expect(doubts.value.map { $0 != nil } == [true, false], "said once, and once that it is over")
        await log.close()
    }

    @Test(arguments: [2, 30, 20_000] as [Int64])
    func aClockThatIsBehindDeletesNothing(days: Int64) async throws {
        let log = try open()
        for age in [20, 9, 5, 0] { try await append(ago: Int64(age) * day, to: log) }
        clocks.set(by: -days * day)
        clocks.run(minute)
        #expect(try await log.retain() == 0)
        #expect(try await remaining(log) == 4)
        #expect(log.clockDoubt?.contains("behind") == true)
        clocks.set(by: days * day)
        #expect(try await log.retain() == 1)
        await log.close()
    }

    @Test func aMachineThatStartsWithAClockAheadDeletesNothing() async throws {
        var log = try open()
        for age in [9, 5, 1, 0] { try await append(ago: Int64(age) * day, to: log) }
        try await log.retain()
        await log.close()
        clocks.off(for: 300 * day)
        log = try open()
        #expect(log.clockDoubt != nil)
        clocks.run(minute)
        #expect(try await log.retain() == 0)
        // What comes now has the same wrong clock's time and proves nothing.
        try await append(ago: 0, to: log)
        clocks.run(minute)
        #expect(try await log.retain() == 0)
        #expect(try await remaining(log) == 5)
        // The time server has its say: the machine was off for an hour.
        clocks.set(by: -300 * day + 3_600_000)
        clocks.run(minute)
        try await append(ago: 0, to: log)
        #expect(try await log.retain() == 0)
        #expect(log.clockDoubt == nil)
        #expect(try await remaining(log) == 6)
        await log.close()
    }

    /// A machine that really was off for long: its clock is believed once it has run steadily for a day.
    @Test func aLongStopIsBelievedAfterADay() async throws {
        var log = try open()
        for age in [9, 5, 0] { try await append(ago: Int64(age) * day, to: log) }
        try await log.retain()
        await log.close()
        clocks.off(for: 90 * day)
        for _ in 0..<3 {
            log = try open()
            for _ in 0..<7 {
                clocks.run(3_600_000)
                #expect(try await log.retain() == 0)
            }
            await log.close()
            // Stops in between do not begin it anew.
            clocks.off(for: minute)
        }
        log = try open()
        clocks.run(2 * 3_600_000)
        _ = try await log.retain()
        clocks.run(2 * 3_600_000)
        _ = try await log.retain()
        #expect(log.clockDoubt == nil)
        #expect(try await remaining(log) == 0)
        await log.close()
    }

    @Test func aClockThatJumpsAboutIsNotSteady() async throws {
        let log = try open()
        try await append(ago: 9 * day, to: log)
        try await log.retain()
        for _ in 0..<40 {
            clocks.set(by: day)
            clocks.run(3_600_000)
            #expect(try await log.retain() == 0)
        }
        await log.close()
    }

    @Test func theTimeOfAShortStopIsBelieved() async throws {
        var log = try open()
        for age in [9, 0] { try await append(ago: Int64(age) * day, to: log) }
        var deleted: Int64 = 0
        for _ in 0..<3 {
            deleted += try await log.retain()
            await log.close()
            clocks.off(for: 16 * 3_600_000)
            log = try open()
            #expect(log.clockDoubt == nil)
        }
        deleted += try await log.retain()
        #expect(deleted == 1)
        await log.close()
    }

    @Test func timesOfAWrongClockGoWithWhatCameNext() async throws {
        let log = try open()
        // Written ten years ahead, and in 1970, between messages of right clocks.
        for ago in [12 * day, -3_650 * day, 20_000 * day, 11 * day, 20_000 * day, 2 * day, 0] {
            try await append(ago: ago, to: log)
        }
        #expect(try await log.retain() == 4)
        #expect(try await remaining(log) == 3, "one of 1970 that came after what is 11 days old is not known to be old")
        await log.close()
    }

    /// More of them than one piece holds.
    @Test func manyTimesOfAWrongClockHoldNothingUp() async throws {
        let log = try open()
        let future = Timestamp(millisecondsSince1970: clocks.wall + 1_000 * day)
        try await append(ago: 12 * day, to: log)
        try await log.writer.perform { session in
            let table = try session.table(for: "t")
            for _ in 0..<3_500 { try table.append(message("m"), nil, transaction: 1 << 50, now: future) }
        }
        try await append(ago: 11 * day, to: log)
        try await append(ago: 0, to: log)
        #expect(try await log.retain() == 3_502)
        #expect(try await remaining(log) == 1)
        await log.close()
    }

    @Test func theNewestMessageOfAWrongClockIsOverruledInTheEnd() async throws {
        let log = try open()
        for ago in [12 * day, -400 * day] { try await append(ago: ago, to: log) }
        #expect(try await log.retain() == 0)
        #expect(log.clockDoubt?.contains("newest message") == true)
        for _ in 0..<25 {
            clocks.run(3_600_000)
            _ = try await log.retain()
        }
        #expect(log.clockDoubt == nil)
        #expect(try await remaining(log) == 1)
        await log.close()
    }

    @Test(arguments: [400, -400] as [Int64])
    func handledKeysOutliveAWrongClock(days: Int64) async throws {
        var log = try open()
        var store = log.deduplicationStore()
        _ = try await store.reserve([1], scope: "s")
        try await store.commit([1], scope: "s", for: .seconds(90 * 86_400))
        try await log.retain()
        clocks.set(by: days * day)
        clocks.run(minute)
        #expect(try await store.reserve([1], scope: "s") == .duplicate, "before the next sweep")
        #expect(try await log.retain() == 0)
        #expect(try await store.reserve([1], scope: "s") == .duplicate)
        // What is handled under the wrong clock is remembered for its window under the right one.
        _ = try await store.reserve([2], scope: "s")
        try await store.commit([2], scope: "s", for: .seconds(90 * 86_400))
        await log.close()
        clocks.off(for: minute)
        log = try open()
        store = log.deduplicationStore()
        #expect(try await store.reserve([1], scope: "s") == .duplicate)
        clocks.set(by: -days * day)
        clocks.run(day)
        try await log.retain()
        #expect(try await store.reserve([1], scope: "s") == .duplicate)
        #expect(try await store.reserve([2], scope: "s") == .duplicate)
        clocks.run(91 * day)
        if days < 0 { #expect(try await log.retain() == 2) }
        await log.close()
    }

    @Test func aFileOfTheFirstReleaseIsNotSweptOnTheWordOfTheClock() async throws {
        var log = try open()
        for age in [20, 15] { try await append(ago: Int64(age) * day, to: log) }
        await log.close()
        try shell("sqlite3 '\(directory.log)' 'DELETE FROM clock'")
        clocks.off(for: minute)
        log = try open()
        #expect(try await log.retain() == 0)
        #expect(log.clockDoubt?.contains("15 days ahead") == true)
        await log.close()
    }

    @Test func aFileThatWasOpenForAMomentKnowsTheTime() async throws {
        var log = try open()
        try await append(ago: 20 * day, to: log)
        // No sweep has been, and all that there is is old.
        clocks.run(30 * day)
        await log.close()
        clocks.off(for: minute)
        log = try open()
        #expect(log.clockDoubt == nil)
        #expect(try await log.retain() == 1)
        await log.close()
    }

    @Test func aFileIsToldTheTimeWhenItIsMade() async throws {
        let log = try open()
        let made = try shell("sqlite3 '\(directory.log)' 'SELECT believed FROM clock'")
        #expect(made == "\(clocks.wall)")
        await log.close()
    }

    @Test func anythingInTheFileIsRead() async throws {
        await (try open()).close()
        for values in ["9223372036854775807", "-9223372036854775808", "0", "1e300", "'x'"] {
            try shell(
                """
                sqlite3 '\(directory.log)' "INSERT OR REPLACE INTO clock VALUES (1, \(values), \(values), \(values), \
                \(values))"
                """)
            let log = try open()
            try await append(ago: 20 * day, to: log)
            #expect(try await log.retain() == 0)
            await log.close()
        }
    }
}
