import SluicePrometheus
import SluiceTesting
import Testing

@testable import Sluice

@Suite(.timeLimit(.minutes(10)))
struct ThrottleTests {
    private func at(_ milliseconds: UInt64) -> MonotonicTime {
        MonotonicTime(nanoseconds: 1_000_000_000_000 + milliseconds * 1_000_000)
    }

    @Test func givesTheBurstAtOnceAndThenAtTheRate() {
        var bucket = TokenBucket(rate: 10, burst: 3)
        #expect((0..<6).map { _ in bucket.take(at: at(0)) / 1_000_000 } == [0, 0, 0, 100, 200, 300])
        // 300 ms are promised, so what comes at 350 waits for the permit of 400.
        #expect(bucket.take(at: at(350)) / 1_000_000 == 50)
        #expect(!bucket.isFull(at: at(600)))
        #expect(bucket.isFull(at: at(700)))
    }

    @Test func savesUpNoMoreThanTheBurst() {
        var bucket = TokenBucket(rate: 1, burst: 2)
        _ = bucket.take(at: at(0))
        #expect((0..<3).map { _ in bucket.take(at: at(3_600_000)) / 1_000_000 } == [0, 0, 1_000])
    }

    @Test(arguments: 0..<20) func letsNeverMoreThroughThanRateAndBurstAllow(seed: Int) {
        var random = Seeded(UInt64(seed))
        let rate = Double.random(in: 0.5...1_000, using: &random)
        let burst = Int.random(in: 1...20, using: &random)
        var bucket = TokenBucket(rate: rate, burst: burst)
        var now: UInt64 = 1_000_000_000_000
        var uses: [Double] = []
        for _ in 0..<2_000 {
            now += UInt64.random(in: 0...UInt64(2e9 / rate), using: &random)
            uses.append(Double(now) + Double(bucket.take(at: MonotonicTime(nanoseconds: now))))
        }
        #expect(uses == uses.sorted())
        for start in stride(from: 0, to: 1_900, by: 7) {
            for end in [start + burst, start + 60] where end < uses.count {
                let span = (uses[end] - uses[start]) / 1e9
                #expect(Double(end - start + 1) <= span * rate + Double(burst) + 1e-3)
            }
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
