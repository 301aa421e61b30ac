import SluiceTesting
import Testing

@testable import Sluice

/// What waits by the numbers of the middlewares. Each says what would have been without the change.
enum LiveCases {
    private typealias Attempt = LiveScene.Attempt

    /// A retry that waits for an hour from the first failure on.
    private static let patient = Retry(
        maxAttempts: 3, backoff: .constant(.seconds(3_600)), throttledBackoff: .constant(.seconds(3_600)),
        maxElapsed: nil, handBackAfter: nil)

    /// The attempts of a message whose retry changes 10 s after it failed.
    private static func attempts(
        _ time: RouterTime, _ policy: Retry = patient, answer: any Error = Broken(),
        _ change: (inout Retry) -> Void
    ) async throws -> [Attempt] {
        let retry = Live(policy)
        var scene = LiveScene(middlewares: [retry])
        scene.answer = { _, _ in throw answer }
        return try await scene.attempts(in: time, at: 10) { _ in try retry.update(change) }
    }

    static let retry: [LiveCase] = [
        LiveCase("Retry.maxAttempts") { time in
            // It gives up at once, and not at the end of an hour.
            let exhausted = Journal<Duration>()
            let retry = Live(patient)
            var scene = LiveScene(middlewares: [Watch { _ in exhausted.add(time.now.offset) }, retry])
            scene.length = .seconds(3_000)
            let attempts = try await scene.attempts(in: time, at: 10) { _ in try retry.update { $0.maxAttempts = 1 } }
            #expect(attempts == [Attempt(0)] && exhausted.entries == [.seconds(10)])
        },
        LiveCase("Retry.backoff.initial") { time in
            let found = try await attempts(time) { $0.backoff = .constant(.seconds(60)) }
            #expect(found == [Attempt(0), Attempt(60), Attempt(120)])
        },
        LiveCase("Retry.backoff.maximum") { time in
            var policy = patient
            policy.backoff = .exponential(from: .seconds(60), upTo: .seconds(3_600), multiplier: 100, jitter: false)
            let found = try await attempts(time, policy) { $0.backoff.maximum = .seconds(90) }
            #expect(found == [Attempt(0), Attempt(60), Attempt(150)])
        },
        LiveCase("Retry.backoff.multiplier") { time in
            var policy = patient
            policy.backoff = .exponential(from: .seconds(5), upTo: .seconds(3_600), multiplier: 100, jitter: false)
            // The first was already waited for; the second waits since 5 s.
            let found = try await attempts(time, policy) { $0.backoff.multiplier = 2 }
            #expect(found == [Attempt(0), Attempt(5), Attempt(15)])
        },
        LiveCase("Retry.backoff.jitter") { time in
            let attempts = try await attempts(time) { $0.backoff.jitter = true }
            #expect(attempts.count == 3 && attempts[1].at < .seconds(3_600) && attempts[1].at >= .seconds(10))
        },
        LiveCase("Retry.throttledBackoff.initial") { time in
            let attempts = try await attempts(time, answer: SlowDown()) {
                $0.throttledBackoff = .constant(.seconds(50))
            }
            #expect(attempts.prefix(3) == [Attempt(0), Attempt(50), Attempt(100)])
        },
        LiveCase("Retry.throttledBackoff.maximum") { time in
            let attempts = try await attempts(time, answer: SlowDown()) {
                $0.throttledBackoff = .exponential(
                    from: .seconds(20), upTo: .seconds(30), multiplier: 10, jitter: false)
            }
            #expect(attempts.prefix(3) == [Attempt(0), Attempt(20), Attempt(50)])
        },
        LiveCase("Retry.throttledBackoff.multiplier") { time in
            let attempts = try await attempts(time, answer: SlowDown()) {
                $0.throttledBackoff = .exponential(
                    from: .seconds(20), upTo: .seconds(9_000), multiplier: 3, jitter: false)
            }
            #expect(attempts.prefix(3) == [Attempt(0), Attempt(20), Attempt(80)])
        },
        LiveCase("Retry.throttledBackoff.jitter") { time in
            let attempts = try await attempts(time, answer: SlowDown()) { $0.throttledBackoff.jitter = true }
            #expect(attempts[1].at < .seconds(3_600) && attempts[1].at >= .seconds(10))
        },
        LiveCase("Retry.maxElapsed") { time in
            let exhausted = Journal<Duration>()
            let retry = Live(patient)
            var scene = LiveScene(middlewares: [Watch { _ in exhausted.add(time.now.offset) }, retry])
            scene.length = .seconds(3_000)
            _ = try await scene.attempts(in: time, at: 10) { _ in try retry.update { $0.maxElapsed = .seconds(60) } }
            #expect(exhausted.entries == [.seconds(10)])
        },
        LiveCase("Retry.schedule") { time in
            let found = try await attempts(time) {
                $0.schedule = [.seconds(30), .seconds(5), .seconds(7), .seconds(9)]
            }
            #expect(found == [Attempt(0), Attempt(30), Attempt(35), Attempt(42), Attempt(51)])
        },
        LiveCase("Retry.handBackAfter") { time in
            // One worker, and two keys: the second message gets the worker that the first has kept.
            let retry = Live(patient)
            var scene = LiveScene(messages: 2, ordering: .perKey(lanes: 1, by: .metadata("key")), middlewares: [retry])
            scene.key = { "\($0)" }
            let attempts = try await scene.attempts(in: time, at: 10) { _ in
                try retry.update { $0.handBackAfter = .seconds(1) }
            }
            #expect(
                attempts == [
                    Attempt(0, 0), Attempt(10, 1), Attempt(3_600, 0), Attempt(3_610, 1), Attempt(7_200, 0),
                    Attempt(7_210, 1),
                ])
        },
        LiveCase("Retry.exhaustion") { time in
            let errors = Journal<Bool>()
            let retry = Live(patient)
            let scene = LiveScene(middlewares: [Watch { errors.add($0 is ExhaustedError) }, retry])
            _ = try await scene.attempts(in: time, at: 10) { _ in
                try retry.update {
                    $0.exhaustion = .poison
                    $0.maxAttempts = 1
                }
            }
            #expect(errors.entries == [true])
        },
        LiveCase("Retry.when") { time in
            let found = try await attempts(time) { $0.when = { _ in false } }
            #expect(found == [Attempt(0)])
        },
    ]

    static let throttle: [LiveCase] = [
        LiveCase("Throttle.rate") { time in
            // One an hour; from 10 s on one every 10 s. The part of an hour that has passed counts.
            try await throttled(time, Throttle(rate: 1.0 / 3_600)) {
                $0.rate = 0.1
            } expecting: { times in
                #expect(times.count == 5 && times[0] == .zero)
                #expect(times[1] > .seconds(19) && times[1] < .seconds(20))
                for (one, next) in zip(times.dropFirst(), times.dropFirst(2)) {
                    #expect(one.distance(to: next) == .seconds(10))
                }
            }
        },
        LiveCase("Throttle.burst") { time in
            // What was saved up is cut: 10 messages come when 5 permits would be there.
            let throttle = Live(Throttle(rate: 0.001, burst: 5))
            let passed = Journal<Duration>()
            let chain = try Chain([throttle], time: time) { _, _ in
                passed.add(time.now.offset)
                return []
            }
            try throttle.update { $0.burst = 2 }
            let tasks = (0..<10).map { number in time.task { try await chain(.numbered(number)) } }
            try await time.sleep(for: .seconds(100))
            #expect(passed.count == 2)
            for task in tasks { task.cancel() }
        },
        LiveCase("Throttle.key") { time in
            try await throttled(time, Throttle(rate: 0.001)) {
                $0.key = .id
            } expecting: {
                #expect($0 == [.zero] + Array(repeating: .seconds(10), count: 4))
            }
        },
        LiveCase("Throttle.maximumKeys") { time in
            let throttle = Live(Throttle(rate: 0.001, key: .id, maximumKeys: 1))
            let passed = Counter()
            let chain = try Chain([throttle], time: time) { _, _ in
                passed.add()
                return []
            }
            func send(_ numbers: Range<Int>) -> [Task<Void, any Error>] {
                numbers.map { number in time.task { try await chain(.numbered(number)) } }
            }
            let first = send(0..<3)
            try await time.sleep(for: .seconds(1))
            // One of a key, and one of what shares a bucket.
            #expect(passed.value == 2)
            try throttle.update { $0.maximumKeys = 100 }
            let second = send(3..<6)
            try await time.sleep(for: .seconds(1))
            #expect(passed.value == 5)
            for task in first + second { task.cancel() }
        },
        LiveCase("Throttle.slowdown.factor") { time in
            try await slowed(time) {
                $0.slowdown = Throttle.Slowdown(factor: 0.1, recovery: .seconds(1_000_000))
            } expecting: { before, after in
                #expect(abs(before / after - 10) < 0.1)
            }
        },
        LiveCase("Throttle.slowdown.recovery") { time in
            // It has been slow for a while; from now on it recovers within seconds.
            let throttle = Live(Throttle(rate: 1, slowdown: .halve(recovery: .seconds(1_000_000))))
            let line = ThrottleLine(throttle.policy, time: time)
            line.noteThrottledAnswer()
            try await time.sleep(for: .seconds(100))
            #expect(try abs(#require(line.rate) - 0.5) < 0.001)
            try throttle.update { $0.slowdown = .halve(recovery: .seconds(10)) }
            line.update(throttle.policy)
            try await time.sleep(for: .seconds(5))
            #expect(try abs(#require(line.rate) - 0.75) < 0.001)
            try await time.sleep(for: .seconds(5))
            #expect(line.rate == 1)
        },
    ]

    /// When five messages that come together pass a throttle that changes after 10 s.
    private static func throttled(
        _ time: RouterTime, _ policy: Throttle, _ change: (inout Throttle) -> Void, expecting: ([Duration]) -> Void
    ) async throws {
        let throttle = Live(policy)
        let passed = Journal<Duration>()
        let chain = try Chain([throttle], time: time) { _, _ in
            passed.add(time.now.offset)
            return []
        }
        let tasks = (0..<5).map { number in time.task { try await chain(.numbered(number)) } }
        try await time.sleep(for: .seconds(10))
        try throttle.update(change)
        try await time.sleep(for: .seconds(1_000))
        for task in tasks { task.cancel() }
        expecting(passed.entries)
    }

    /// The rates before and after an answer that asks to slow down, under the changed policy.
    private static func slowed(
        _ time: RouterTime, _ change: (inout Throttle) -> Void, expecting: (Double, Double) -> Void
    ) async throws {
        var policy = Throttle(rate: 10, slowdown: .halve())
        let line = ThrottleLine(policy, time: time)
        change(&policy)
        line.update(policy)
        let before = try #require(line.rate)
        line.noteThrottledAnswer()
        expecting(before, try #require(line.rate))
    }

    static let timeout: [LiveCase] = [
        LiveCase("Timeout.deadline") { time in
            // An attempt that hangs is under way: it ends 60 s after it began, and not after an hour.
            let timeout = Live(Timeout(.seconds(3_600)))
            let ended = Journal<(Duration, any Error)>()
            var scene = LiveScene(middlewares: [Watch { ended.add((time.now.offset, $0)) }, timeout])
            scene.answer = { _, time in try await time.sleep(for: .seconds(9_000)) }
            _ = try await scene.attempts(in: time, at: 10) { _ in try timeout.update { $0.deadline = .seconds(60) } }
            #expect(ended.entries.map(\.0) == [.seconds(60)])
            #expect((ended.entries.first?.1 as? TimeoutError)?.deadline == .seconds(60))
        }
    ]

    /// When a message that always fails is delivered, under a policy that changes after 10 s, while it waits the second time.
    /// The same in every order.
    private static func delayed(
        _ time: RouterTime, _ policy: DelayOnError, _ change: (inout DelayOnError) -> Void
    ) async throws -> [Duration] {
        func times(_ ordering: Ordering) async throws -> [Duration] {
            let delay = Live(policy)
            var scene = LiveScene(ordering: ordering, middlewares: [delay])
            scene.redelivery = .constant(.seconds(1))
            scene.length = .seconds(300)
            let start = time.now.offset
            return try await scene.attempts(in: time, at: 10) { _ in try delay.update(change) }.map { $0.at - start }
        }
        let serial = try await times(.serial)
        var changed = policy
        change(&changed)
        for ordering in [Ordering.perKey(lanes: 1, by: .id), .unordered(limit: 1)] where !changed.backoff.jitter {
            let others = try await times(ordering)
            #expect(others.prefix(3) == serial.prefix(3))
        }
        return serial
    }

    private static let slow = DelayOnError(
        .exponential(from: .seconds(4), upTo: .seconds(100), multiplier: 2, jitter: false))

    static let delayOnError: [LiveCase] = [
        // It fails at 0 and 4 s, and would be delivered at 12 s: from 10 s on by the new policy, since 4 s.
        LiveCase("DelayOnError.backoff.initial") { time in
            let times = try await delayed(time, slow) { $0.backoff = .constant(.seconds(20)) }
            #expect(times.prefix(4) == [.zero, .seconds(4), .seconds(24), .seconds(44)])
        },
        LiveCase("DelayOnError.backoff.maximum") { time in
            // Its time has passed.
            let times = try await delayed(time, slow) { $0.backoff.maximum = .seconds(5) }
            #expect(times.prefix(5) == [.zero, .seconds(4), .seconds(10), .seconds(15), .seconds(20)])
        },
        LiveCase("DelayOnError.backoff.multiplier") { time in
            let times = try await delayed(time, slow) { $0.backoff.multiplier = 3 }
            #expect(times.prefix(4) == [.zero, .seconds(4), .seconds(16), .seconds(52)])
        },
        LiveCase("DelayOnError.backoff.jitter") { time in
            let times = try await delayed(time, slow) { $0.backoff.jitter = true }
            #expect(times.count > 4 && times[2] >= .seconds(10) && times[2] < .seconds(12))
        },
        LiveCase("DelayOnError.when") { time in
            // It waits as the route has it wait: for a second, which has passed.
            let times = try await delayed(time, slow) { $0.when = { _ in false } }
            #expect(times.prefix(5) == [.zero, .seconds(4), .seconds(10), .seconds(11), .seconds(12)])
        },
    ]

    /// How a message ends under a policy that was changed.
    private static func failing(
        _ time: RouterTime, _ policy: RandomFail, _ change: (inout RandomFail) -> Void
    ) async throws -> (error: RandomFailure?, isHandled: Bool) {
        let fail = Live(policy)
        let handled = Counter()
        let chain = try Chain([fail], time: time) { _, _ in
            handled.add()
            return []
        }
        try fail.update(change)
        do {
            try await chain(.numbered(0))
            return (nil, handled.value > 0)
        } catch let error as RandomFailure {
            return (error, handled.value > 0)
        }
    }

    static let randomFail: [LiveCase] = [
        LiveCase("RandomFail.share") { time in
            let (error, isHandled) = try await failing(time, RandomFail(0)) { $0.share = 1 }
            #expect(error != nil && !isHandled)
        },
        LiveCase("RandomFail.moment") { time in
            let (error, isHandled) = try await failing(time, RandomFail(1)) { $0.moment = .afterHandler }
            #expect(error != nil && isHandled)
        },
        LiveCase("RandomFail.disposition") { time in
            let (error, _) = try await failing(time, RandomFail(1)) { $0.disposition = .poison("made up") }
            #expect(error?.disposition == .poison("made up"))
        },
    ]

    static let deduplicator: [LiveCase] = [
        LiveCase("Deduplicator.window") { time in
            // What is handled under the new window is known for a minute, and not for an hour.
            let deduplicator = Live(
                Deduplicator(MemoryDeduplicationStore(time: time), key: .metadata("key"), window: .seconds(3_600)))
            let handled = Journal<Duration>()
            let chain = try Chain([deduplicator], time: time) { _, _ in
                handled.add(time.now.offset)
                try await time.sleep(for: .seconds(10))
                return []
            }
            let first = time.task { try await chain(.numbered(0, key: "k")) }
            try await time.sleep(for: .seconds(5))
            try deduplicator.update { $0.window = .seconds(60) }
            _ = try await first.value
            for _ in 0..<3 {
                try await time.sleep(for: .seconds(45))
                try await chain(.numbered(1, key: "k"))
            }
            #expect(handled.entries == [.zero, .seconds(100)])
        },
        LiveCase("Deduplicator.inProgressDelay") { time in
            // The twin asks again after a minute, and not after an hour.
            let deduplicator = Live(
                Deduplicator(
                    MemoryDeduplicationStore(time: time), key: .metadata("key"), inProgressDelay: .seconds(3_600)))
            let twins = Journal<Duration>()
            var scene = LiveScene(
                messages: 2, ordering: .unordered(limit: 2),
                middlewares: [patient, Watch { _ in twins.add(time.now.offset) }, deduplicator])
            scene.answer = { _, time in try await time.sleep(for: .seconds(9_000)) }
            _ = try await scene.attempts(in: time, at: 10) { _ in
                try deduplicator.update { $0.inProgressDelay = .seconds(4_000) }
            }
            #expect(twins.entries == [.zero, .seconds(4_000), .seconds(8_000)])
        },
    ]
}

/// Asks to slow down and names no time.
struct SlowDown: DispositionError {
    var disposition: Disposition { .throttled() }
    var reason: String { "slow_down" }
}

/// Sees what the middlewares inside of it throw, interruptions aside.
struct Watch: Middleware {
    let body: @Sendable (any Error) -> Void

    init(_ body: @escaping @Sendable (any Error) -> Void) {
        self.body = body
    }

    func wrap(_ next: @escaping Handler, for route: RouteScope) -> Handler {
        { message, context in
            do {
                return try await next(message, context)
            } catch {
                if !context.isInterruption(error) { body(error) }
                throw error
            }
        }
    }
}

extension Duration {
    fileprivate func distance(to other: Duration) -> Duration { other - self }
}
