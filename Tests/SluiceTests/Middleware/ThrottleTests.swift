import SluicePrometheus
import SluiceTesting
import Testing

@testable import Sluice

@Suite(.timeLimit(.minutes(10)))
struct ThrottleTests {
    /// Takes a permit.
    /// - Returns: how long until it may be used, in whole milliseconds.
    private func wait(_ bucket: inout TokenBucket, at now: Double) -> Int {
        let number = bucket.take(at: now)
        return Int(((bucket.due(number) - now) * 1_000).rounded())
    }

    @Test func givesTheBurstAtOnceAndThenAtTheRate() {
        var bucket = TokenBucket(rate: 10, burst: 3, at: 0)
        #expect((0..<6).map { _ in wait(&bucket, at: 0) } == [0, 0, 0, 100, 200, 300])
        // 300 ms are promised, so what comes at 350 waits for the permit of 400.
        #expect(wait(&bucket, at: 0.35) == 50)
        #expect(!bucket.isFull(at: 0.6))
        #expect(bucket.isFull(at: 0.7))
    }

    @Test func savesUpNoMoreThanTheBurst() {
        var bucket = TokenBucket(rate: 1, burst: 2, at: 0)
        _ = bucket.take(at: 0)
        #expect((0..<3).map { _ in wait(&bucket, at: 3_600) } == [0, 0, 1_000])
    }

    @Test(arguments: 0..<20) func letsNeverMoreThroughThanRateAndBurstAllow(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        let rate = Double.random(in: 0.5...1_000, using: &random)
        let burst = Int.random(in: 1...20, using: &random)
        var now = 1_000.0
        var bucket = TokenBucket(rate: rate, burst: burst, at: now)
        var uses: [Double] = []
        for _ in 0..<2_000 {
            now += Double.random(in: 0...2 / rate, using: &random)
            let number = bucket.take(at: now)
            uses.append(max(now, bucket.due(number)))
        }
        #expect(uses == uses.sorted())
        for start in stride(from: 0, to: 1_900, by: 7) {
            for end in [start + burst, start + 60] where end < uses.count {
                let span = uses[end] - uses[start]
                #expect(Double(end - start + 1) <= span * rate + Double(burst) + 1e-3)
            }
        }
    }

    /// What waits keeps its place, and what is saved up is cut to the new burst.
    @Test func anotherRateMovesThoseThatWait() {
        var bucket = TokenBucket(rate: 1, burst: 1, at: 0)
        let numbers = (0..<4).map { _ in bucket.take(at: 0) }
        #expect(numbers.map { bucket.due($0) } == [0, 1, 2, 3])
        bucket.update(rate: 4, burst: 1, at: 1.5)
        // Half of the next permit has come; the rest comes four times as fast.
        #expect(numbers.dropFirst(2).map { bucket.due($0) } == [1.625, 1.875])
        bucket.update(rate: 4, burst: 10, at: 10)
        bucket.update(rate: 4, burst: 3, at: 100)
        #expect((0..<4).map { _ in wait(&bucket, at: 100) } == [0, 0, 0, 250])
    }

    /// The clock of a throttle that was slowed down: what it shows, and when it shows something, agree.
    @Test func aSlowedClockRecoversInAStraightLine() {
        let start = MonotonicTime(nanoseconds: 5_000_000_000)
        func at(_ seconds: Double) -> MonotonicTime { start.advanced(by: .seconds(seconds)) }
        var clock = SlowedClock(at: start)
        #expect(clock.reading(at: at(10)) == 10)
        let policy = Throttle.Slowdown.halve(recovery: .seconds(60))
        // Answers that come together are one.
        let cuts = [10, 10.9].map { clock.slowDown(policy, at: at($0)) }
        #expect(cuts == [true, false])
        #expect(clock.speed(at: at(10)) == 0.5 && clock.speed(at: at(40)) == 0.75 && clock.speed(at: at(100)) == 1)
        // Half speed, rising to the whole within a minute: three quarters of it on average.
        #expect(abs(clock.reading(at: at(70)) - 55) < 1e-9 && abs(clock.reading(at: at(80)) - 65) < 1e-9)
        for seconds in stride(from: 10.0, to: 200, by: 3.7) {
            let back = clock.time(of: clock.reading(at: at(seconds)))
            #expect(abs(back.duration(to: at(seconds)).inSeconds) < 1e-6)
        }
        _ = clock.slowDown(policy, at: at(40))
        #expect(clock.speed(at: at(40)) == 0.375)
        for second in 41..<1_000 { _ = clock.slowDown(policy, at: at(Double(second))) }
        #expect(clock.speed(at: at(999)) >= 0.01)
        clock.update(nil, at: at(1_000))
        #expect(clock.speed(at: at(1_000)) == 1)
    }

    /// After a 429 half as many go, those that wait included; a minute later as many as before.
    @Test func halvesItsRateAfterAnAnswerThatAsksToSlowDownAndRecovers() async throws {
        try await VirtualTime.run { time in
            let passed = Journal<Duration>()
            let chain = try Chain([Throttle(rate: 10, slowdown: .halve())], time: time) { _, _ in
                if passed.add(time.now.offset) == 101 { throw SlowDown() }
                return []
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<2_000 { group.addTask { _ = try? await chain(.numbered(number)) } }
                try await group.waitForAll()
            }
            func count(_ range: ClosedRange<Double>) -> Int {
                passed.entries.count { range.contains($0.inSeconds) }
            }
            #expect(count(0.05...10) == 100)
            #expect((5...6).contains(count(10.01...11.01)) && (331...335).contains(count(30.01...70.01)))
            #expect((449...451).contains(count(10.01...70.01)) && (99...101).contains(count(70.01...80.01)))
        }
    }

    @Test func holdsMessagesToTheRate() async throws {
        try await VirtualTime.run { time in
            let times = Journal<MonotonicTime>()
            let meters = Meters()
            let chain = try Chain([Throttle(rate: 200, burst: 5)], meters: meters, time: time) { _, _ in
                times.add(time.now)
                return []
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<25 { group.addTask { try await chain(.numbered(number)) } }
                try await group.waitForAll()
            }
            let sorted = times.entries.sorted()
            // 5 of them at once, then one every 5 ms.
            #expect(sorted.map(\.offset) == (0..<25).map { .milliseconds(max(0, $0 - 4) * 5) })
            let now = meters.exposition()
            #expect(now.value("sluice_throttle_wait_seconds_count") == 25)
            #expect(now.value("sluice_throttle_permits_per_second") == 200)
            #expect(now.value("sluice_throttle_waiting") == 0)
        }
    }

    @Test func givesEachKeyItsOwnBucket() async throws {
        try await VirtualTime.run { time in
            let passed = Journal<String>()
            let meters = Meters()
            let chain = try Chain([Throttle(rate: 0.001, key: .metadata("key"))], meters: meters, time: time) {
                message, _ in
                passed.add(message.key)
                return []
            }
            let tasks = ["a", "a", "b", "c", "c"].map { key in time.task { try await chain(.numbered(0, key: key)) } }
            try await time.eventually { passed.count == 3 && meters.value("sluice_throttle_waiting") == 2 }
            #expect(passed.entries.sorted() == ["a", "b", "c"])
            // Waits end when they are cancelled.
            for task in tasks { task.cancel() }
            for task in tasks { _ = try? await task.value }
            #expect(passed.count == 3 && time.now.offset == .zero)
            #expect(meters.value("sluice_throttle_waiting") == 0)
        }
    }

    @Test func keysBeyondTheBoundShareOneBucket() async throws {
        try await VirtualTime.run { time in
            let passed = Counter()
            let chain = try Chain([Throttle(rate: 0.001, key: .metadata("key"), maximumKeys: 3)], time: time) { _, _ in
                passed.add()
                return []
            }
            let tasks = (0..<10).map { key in time.task { try await chain(.numbered(0, key: "\(key)")) } }
            // Three keys, and one for all the others.
            try await time.eventually { passed.value == 4 }
            try await time.sleep(for: .seconds(1))
            #expect(passed.value == 4)
            // The shared bucket's next permit.
            try await time.eventually { passed.value == 5 }
            #expect(time.now.offset == .seconds(1_000))
            for task in tasks { task.cancel() }
        }
    }

    @Test func forgetsKeysThatAreFullAgain() async throws {
        try await VirtualTime.run { time in
            let meters = Meters()
            let chain = try Chain(
                [Throttle(rate: 1_000_000, key: .metadata("key"), maximumKeys: 2)], meters: meters, time: time
            ) {
                _, _ in []
            }
            for key in 0..<50 { try await chain(.numbered(0, key: "\(key)")) }
            #expect(meters.value("sluice_throttle_wait_seconds_count") == 50)
        }
    }
}
