import SluiceTesting
import Testing

@testable import Sluice

/// How many attempts a destination gets at once.
@Suite(.timeLimit(.minutes(5)))
struct ConcurrencyTests {
    /// A sink that works on some attempts at once, and lets the rest queue.
    private struct Sink: Sendable {
        let time: RouterTime
        /// It works on so many at once.
        let knee: Int
        /// How long each takes, on average.
        let work: Duration
        /// How much that varies: the standard deviation, as a share.
        let spread: Double
        private let slots: ConcurrencyLine

        init(_ time: RouterTime, knee: Int, work: Duration, spread: Double) {
            (self.time, self.knee, self.work, self.spread) = (time, knee, work, spread)
            slots = ConcurrencyLine(.fixed(knee), time: time)
        }

        func answer() async throws {
            if let ticket = slots.enter() {
                await withCheckedContinuation { turn in ticket.onGrant { turn.resume() } }
            }
            // A gamma distribution of so many parts has about this spread.
            let parts = spread > 0 ? max(1, Int((1 / (spread * spread)).rounded())) : 1
            let share =
                spread > 0
                ? (0..<parts).reduce(0.0) { sum, _ in
                    sum - (1 - time.random(in: 0...0.999_999)).logarithm / Double(parts)
                } : 1
            try await time.sleep(for: work * share)
            slots.leave()
        }
    }

    struct Scene: Sendable, CustomTestStringConvertible {
        let knee: Int
        let work: Duration
        let spread: Double
        /// Messages come in bursts of so many, one burst in so long; nil is all at once.
        var pace: (burst: Int, every: Duration)?
        var messages = 6_000
        var seed: UInt64 = 1

        var testDescription: String {
            "knee \(knee), \(work), spread \(spread)" + (pace.map { ", \($0.burst) every \($0.every)" } ?? "")
        }
    }

    static let scenes = [
        Scene(knee: 10, work: .milliseconds(100), spread: 0), Scene(knee: 40, work: .milliseconds(20), spread: 0.2),
        Scene(knee: 25, work: .milliseconds(200), spread: 0.5),
        Scene(knee: 100, work: .milliseconds(50), spread: 0.3, messages: 20_000),
        // At a webhook's pace: 60 pushes together, every minute.
        Scene(
            knee: 12, work: .milliseconds(400), spread: 0.3, pace: (60, .seconds(60)), messages: 4_000),
        Scene(
            knee: 8, work: .seconds(2), spread: 0.5, pace: (40, .seconds(120)), messages: 3_000),
    ]

    /// The limit of the second half of the time lies within 20% of the knee, on average.
    @Test(arguments: scenes)
    func anAdaptiveLimitFindsTheKnee(_ scene: Scene) async throws {
        try await VirtualTime.run(seed: scene.seed) { time in
            let sink = Sink(time, knee: scene.knee, work: scene.work, spread: scene.spread)
            let destination = try Destination(
                "sink", .init(concurrency: .adaptive(from: 4, upTo: 400)), time: time)
            let source = Source([], time: time)
            let limits = Journal<Int>()
            let router = Router.quick(time: time)
            try router.add(
                Route("r", from: source, "in", ordering: .unordered(limit: 500), destination: destination) {
                    message, _ in
                    if message.number > scene.messages / 2 {
                        limits.add(destination.slots.read().limit ?? 0)
                    }
                    try await sink.answer()
                })
            try await router.whileRunning {
                let pace = scene.pace ?? (scene.messages, .seconds(1))
                for first in stride(from: 0, to: scene.messages, by: pace.burst) {
                    source.offer((first..<first + pace.burst).map { .numbered($0) })
                    try await time.sleep(for: pace.every)
                }
                try await time.eventually(within: .seconds(100_000)) { source.acknowledgedCount >= scene.messages }
            }
            let mean = Double(limits.entries.reduce(0, +)) / Double(limits.count)
            #expect(abs(mean / Double(scene.knee) - 1) <= 0.2, "\(mean)")
        }
    }

    @Test func failuresBringItDownAndItComesBack() {
        var now = MonotonicTime(nanoseconds: 1_000_000_000)
        var book = ConcurrencyBook(.adaptive(from: 20, upTo: 100))
        func end(_ result: ConcurrencyBook.Result, _ count: Int) {
            for _ in 0..<count {
                let begun = now
                now = now.advanced(by: .milliseconds(10))
                book.ended(result, .init(time: begun, among: book.slots), inUse: book.slots, at: now)
            }
        }
        let together = now
        end(.failed, 1)
        #expect(book.slots == 14)
        // Those that set out together fail together: they count once.
        for _ in 0..<20 { book.ended(.failed, .init(time: together, among: 14), inUse: 14, at: now) }
        #expect(book.slots == 14)
        end(.failed, 100)
        #expect(book.slots == 1)
        // What was found out before is kept: it doubles up to there.
        end(.answered, 24 * 6)
        #expect(book.slots >= 14)
    }

    @Test func aLimitThatIsNotUsedDoesNotGrow() {
        var now = MonotonicTime(nanoseconds: 1_000_000_000)
        var book = ConcurrencyBook(.adaptive(from: 4, upTo: 100))
        for _ in 0..<1_000 {
            let begun = now
            now = now.advanced(by: .milliseconds(10))
            book.ended(.answered, .init(time: begun, among: 3), inUse: 3, at: now)
        }
        #expect(book.slots == 4)
    }

    /// Two routes share the slots. The line is kept, and who goes away gives nothing up.
    @Test func routesShareItsSlotsAndWhoGoesAwayKeepsNone() async throws {
        try await VirtualTime.run { time in
            let destination = try Destination("sink", .init(concurrency: .fixed(3)), time: time)
            let sources = (0..<2).map { _ in Source((0..<50).map { .numbered($0) }, time: time) }
            let underWay = Journal<Int>()
            let meters = Meters()
            let router = Router.quick([Retry(), Timeout(.seconds(3))], meters: meters, time: time)
            for (index, source) in sources.enumerated() {
                try router.add(
                    Route("r\(index)", from: source, "in", ordering: .unordered(limit: 10), destination: destination) {
                        message, _ in
                        underWay.add(destination.slots.read().inUse)
                        // Some hang: their deadline ends them, and their slots are free again.
                        try await time.sleep(
                            for: message.number % 10 == 0 && underWay.count < 60 ? .seconds(100) : .seconds(1))
                    })
            }
            try await router.whileRunning {
                try await time.sleep(for: .milliseconds(500))
                _ = meters.exposition()
                #expect(meters.value("sluice_destination_concurrency_in_use", ["destination": "sink"]) == 3)
                #expect(meters.value("sluice_destination_concurrency_limit", ["destination": "sink"]) == 3)
                #expect(
                    meters.value(
                        "sluice_destination_limit_waiting", ["destination": "sink", "limit": "concurrency"]) == 17)
                try await time.eventually { sources.allSatisfy { $0.acknowledgedCount == 50 } }
            }
            #expect(underWay.entries.allSatisfy { (1...3).contains($0) })
            let figures = destination.slots.read()
            #expect(figures.inUse == 0 && figures.waiting == 0)
            let waited = meters.value(
                "sluice_destination_limit_wait_seconds_count", ["destination": "sink", "limit": "concurrency"])
            #expect(waited == Double(underWay.count))
        }
    }

    /// What waits for the throttle of its destination is counted by destination, and by route.
    @Test func theWaitForAPermitIsCountedByDestinationAndByRoute() async throws {
        try await VirtualTime.run { time in
            let destination = try Destination("sink", .init(throttle: Throttle(rate: 2, burst: 1)), time: time)
            let meters = Meters()
            let router = Router.quick([Retry()], meters: meters, time: time)
            let sources = (0..<2).map { _ in Source((0..<10).map { .numbered($0) }, time: time) }
            for (index, source) in sources.enumerated() {
                try router.add(Route("r\(index)", from: source, "in", destination: destination) { _, _ in })
            }
            try await router.whileRunning {
                try await time.eventually { sources.allSatisfy { $0.acknowledgedCount == 10 } }
            }
            let limit = ["destination": "sink", "limit": "throttle"]
            #expect(meters.value("sluice_destination_limit_wait_seconds_count", limit) == 20)
            #expect(meters.value("sluice_destination_throttle_permits_per_second", ["destination": "sink"]) == 2)
            for route in ["r0", "r1"] {
                #expect(meters.value("sluice_throttle_wait_seconds_count", ["handler_name": route]) == 10)
                #expect(meters.value("sluice_throttle_permits_per_second", ["handler_name": route]) == 2)
            }
        }
    }

    /// To wait for a slot is no part of an attempt: its deadline begins afterwards, and Retry counts nothing.
    @Test func theDeadlineBeginsWithTheAttempt() async throws {
        try await VirtualTime.run { time in
            let destination = try Destination("sink", .init(concurrency: .fixed(1)), time: time)
            let source = Source((0..<10).map { .numbered($0) }, time: time)
            let attempts = Counter()
            let router = Router.quick([Retry(), Timeout(.seconds(2))], time: time)
            try router.add(
                Route("r", from: source, "in", ordering: .unordered(limit: 10), destination: destination) { _, _ in
                    attempts.add()
                    try await time.sleep(for: .seconds(1.5))
                })
            try await router.whileRunning { try await time.eventually { source.acknowledgedCount == 10 } }
            #expect(attempts.value == 10 && time.now.offset == .seconds(15))
        }
    }

    /// The gate is shut while a message waits for its slot: it is not sent.
    @Test func whatComesToItsTurnAfterTheGateWasShutWaitsForTheGate() async throws {
        try await VirtualTime.run { time in
            let destination = try Destination(
                "sink", .init(retryAfter: .init(jitter: 0), concurrency: .fixed(1)), time: time)
            let source = Source((0..<3).map { .numbered($0) }, time: time)
            let times = Journal<Duration>()
            let router = Router.quick([Retry(), Timeout(.seconds(20))], time: time)
            try router.add(
                Route("r", from: source, "in", ordering: .unordered(limit: 3), destination: destination) { _, _ in
                    let isFirst = times.add(time.now.offset) == 1
                    try await time.sleep(for: .seconds(1))
                    if isFirst {
                        throw HandlerError("later", reason: "429", disposition: .throttled(after: .seconds(30)))
                    }
                })
            try await router.whileRunning { try await time.eventually { source.acknowledgedCount == 3 } }
            // The second was let in when the first had left, a moment before its answer was heeded.
            #expect(times.entries == [.zero, .seconds(31), .seconds(32), .seconds(33)])
        }
    }
}

extension Double {
    /// The natural logarithm, without Foundation.
    fileprivate var logarithm: Double {
        // By the exponent and the series of artanh, exact enough for a test.
        let (exponent, fraction) = (Double(exponent), significand)
        let ratio = (fraction - 1) / (fraction + 1)
        var (term, sum) = (ratio, 0.0)
        for power in stride(from: 1.0, to: 40, by: 2) {
            sum += term / power
            term *= ratio * ratio
        }
        return 2 * sum + exponent * 0.693_147_180_559_945_3
    }
}
