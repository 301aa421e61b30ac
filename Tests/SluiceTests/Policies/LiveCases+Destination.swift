import SluiceTesting
import Testing

@testable import Sluice

/// What waits by the numbers of a destination.
extension LiveCases {
    private typealias Attempt = LiveScene.Attempt

    /// Tries again at once, as often as the destination lets it.
    private static let eager = Retry(
        maxAttempts: 1_000, backoff: .constant(.zero), throttledBackoff: .constant(.milliseconds(10)), maxElapsed: nil)

    /// Fails once, or for ever, with these errors.
    private static func scene(
        _ destination: Destination.Configuration, messages: Int = 1, ordering: Ordering = .serial,
        length: Duration = .seconds(10_000), answer: @escaping @Sendable (Int) throws -> Void
    ) -> LiveScene {
        var scene = LiveScene(messages: messages, ordering: ordering, destination: destination, middlewares: [eager])
        scene.length = length
        scene.answer = { count, _ in try answer(count) }
        return scene
    }

    private static func named(_ seconds: Int64) -> HandlerError {
        HandlerError("later", reason: "http_429", disposition: .throttled(after: .seconds(seconds)))
    }

    static let destination: [LiveCase] = [
        LiveCase("Destination.retryAfter.maximum") { time in
            // It named a day, which is cut to an hour; from now on to a minute.
            let scene = scene(.unbounded) { if $0 == 1 { throw named(86_400) } }
            let attempts = try await scene.attempts(in: time, at: 10) { sink in
                try sink.update { $0.retryAfter.maximum = .seconds(60) }
            }
            #expect(attempts == [Attempt(0), Attempt(60)])
        },
        LiveCase("Destination.retryAfter.jitter") { time in
            // With all of the time added it may take up to 200 s; from now on exactly 100.
            var destination = Destination.Configuration.unbounded
            destination.retryAfter.jitter = 1
            let scene = scene(destination) { if $0 == 1 { throw named(100) } }
            let attempts = try await scene.attempts(in: time, at: 10) { sink in
                try sink.update { $0.retryAfter.jitter = 0 }
            }
            #expect(attempts == [Attempt(0), Attempt(100)])
        },
    ]

    // MARK: Throttle and concurrency

    static let concurrency: [LiveCase] = [
        LiveCase("Destination.throttle") { time in
            var destination = Destination.Configuration.unbounded
            destination.throttle = Throttle(rate: 0.001)
            let scene = scene(destination, messages: 3, ordering: .unordered(limit: 3)) { _ in }
            let attempts = try await scene.attempts(in: time, at: 10) { sink in try sink.update { $0.throttle = nil } }
            #expect(attempts.map(\.at) == [.zero, .seconds(10), .seconds(10)])
        },
        LiveCase("Destination.concurrency.limit") { time in
            let counts1 = try await inUse(time, .fixed(1)) { $0 = .fixed(3) }
            #expect(counts1 == [1, 3])
            let counts2 = try await inUse(time, .fixed(1)) { $0 = nil }
            #expect(counts2 == [1, 5])
        },
        LiveCase("Destination.concurrency.mode") { time in
            // Adaptive from 1 on, it does not grow while attempts take for ever; fixed there are 4.
            let counts3 = try await inUse(time, .adaptive(from: 1)) { $0 = Concurrency(mode: .fixed, limit: 4) }
            #expect(counts3 == [1, 4])
        },
        LiveCase("Destination.concurrency.maximum") { time in
            let line = ConcurrencyLine(.adaptive(from: 8, upTo: 10), time: time)
            for _ in 0..<8 { #expect(line.enter() == nil) }
            line.update(.adaptive(from: 2, upTo: 3))
            #expect(line.read().limit == 3)
            // No more are let in until fewer than 3 are under way.
            let waiting = try #require(line.enter())
            for _ in 0..<5 { line.leave() }
            #expect(!waiting.isGranted)
            line.leave()
            #expect(waiting.isGranted)
        },
    ]

    /// How many of five attempts, each of which takes an hour, are under way before and after a change.
    private static func inUse(
        _ time: RouterTime, _ policy: Concurrency, _ change: (inout Concurrency?) -> Void
    ) async throws -> [Int] {
        var destination = Destination.Configuration.unbounded
        destination.concurrency = policy
        var scene = scene(destination, messages: 5, ordering: .unordered(limit: 5), length: .seconds(100)) { _ in }
        scene.answer = { _, time in try await time.sleep(for: .seconds(3_600)) }
        let counts = Journal<Int>()
        let start = time.now
        let attempts = try await scene.attempts(in: time, at: 10) { sink in
            counts.add(sink.slots.read().inUse)
            try sink.update { change(&$0.concurrency) }
        }
        let begun = attempts.count { start.advanced(by: $0.at - start.offset) >= start }
        return [counts.entries.first ?? 0, begun]
    }

    // MARK: Budget

    /// A message that fails for ever spends the budget of a few attempts, and then waits in line.
    private static func budgeted(
        _ time: RouterTime, _ budget: RetryBudget, answer: any Error = Broken(),
        _ change: (inout RetryBudget?) -> Void
    ) async throws -> (before: Int, after: Int) {
        var scene = scene(.init(retryAfter: .init(jitter: 0), budget: budget), length: .seconds(110)) { _ in
            throw answer
        }
        scene.redelivery = .constant(.milliseconds(10))
        let start = time.now.offset
        let attempts = try await scene.attempts(in: time, at: 10) { sink in try sink.update { change(&$0.budget) } }
        let times = attempts.map { $0.at - start }
        return (times.count { $0 < .seconds(10) }, times.count { $0 >= .seconds(10) })
    }

    /// The first, and three more; then one in 1,000 s.
    private static let small = RetryBudget(ratio: 0, window: .seconds(3_000), floor: 0.001)

    static let budget: [LiveCase] = [
        LiveCase("Destination.budget.floor") { time in
            let (before, after) = try await budgeted(time, small) { $0?.floor = 1 }
            #expect(before == 4 && (99...101).contains(after))
        },
        LiveCase("Destination.budget.window") { time in
            // What may be saved up is cut to that of a shorter window: nothing is left of 3,000 attempts.
            let book = RetryBudget(ratio: 0, window: .seconds(3_000), floor: 1)
            let line = BudgetLine(book, time: time)
            #expect(line.read(firsts: 0).remaining == 1)
            line.update(RetryBudget(ratio: 0, window: .seconds(2), floor: 1), firsts: { 0 })
            #expect((0..<3).map { _ in line.take(firsts: 0) } == [true, true, false])
        },
        LiveCase("Destination.budget.ratio") { time in
            // 100 first attempts have been made meanwhile: half as many more are allowed.
            let line = BudgetLine(small, time: time)
            while line.take(firsts: 0) {}
            line.update(RetryBudget(ratio: 0.5, window: .seconds(3_000), floor: 0.001), firsts: { 0 })
            #expect((0..<60).count { _ in line.take(firsts: 100) } == 50)
        },
        LiveCase("Destination.budget.cost.failed") { time in
            // Each costs a hundredth, so that what the floor gives is enough for one every 10 s.
            let (before, after) = try await budgeted(time, small) { $0?.cost = .init(failed: 0.01, throttled: 0.01) }
            #expect(before == 4 && (9...11).contains(after))
        },
        LiveCase("Destination.budget.cost.throttled") { time in
            let throttled = HandlerError("slower", reason: "http_429", disposition: .throttled())
            let line = RetryBudget(ratio: 0, window: .seconds(3_000), floor: 0.001, cost: .init(throttled: 1))
            // An answer that asks to slow down costs nothing from now on: what is paid for comes back.
            let (before, after) = try await budgeted(time, line, answer: throttled) {
                $0?.cost = .init(failed: 0.05, throttled: 0)
            }
            #expect(before == 4 && after > 1_000)
        },
    ]

    // MARK: Breaker

    /// Opens after two failures, for an hour.
    private static let breakerPolicy = CircuitBreaker(
        consecutiveFailures: 2, successBelow: nil, open: .constant(.seconds(3_600)))

    private static func broken(
        _ time: RouterTime, _ policy: CircuitBreaker = breakerPolicy, messages: Int = 1,
        _ change: (inout CircuitBreaker?) -> Void
    ) async throws -> [Duration] {
        var destination = Destination.Configuration.unbounded
        destination.breaker = policy
        var scene = LiveScene(messages: messages, destination: destination)
        scene.middlewares = [Retry(maxAttempts: 1_000, backoff: .constant(.seconds(1)), maxElapsed: nil)]
        scene.length = .seconds(1_000)
        return try await scene.attempts(in: time, at: 10) { sink in try sink.update { change(&$0.breaker) } }.map(\.at)
    }

    /// After 10 s, for the attempts of the first 10 s are of no interest.
    private static func after(_ times: [Duration]) -> [Duration] { times.filter { $0 >= .seconds(10) } }

    static let breaker: [LiveCase] = [
        LiveCase("Destination.breaker.consecutiveFailures") { time in
            // It fails once a second, and does not open: until 12 failures in a row are too many.
            var policy = breakerPolicy
            policy.consecutiveFailures = nil
            let times = try await broken(time, policy) { $0?.consecutiveFailures = 12 }
            #expect(times == (0..<12).map { .seconds($0) })
        },
        LiveCase("Destination.breaker.successBelow") { time in
            var policy = breakerPolicy
            policy.consecutiveFailures = nil
            let times = try await failing(time, policy) { $0?.successBelow = 0.5 }
            #expect(times.count == 12)
        },
        LiveCase("Destination.breaker.minimumAttempts") { time in
            var policy = breakerPolicy
            (policy.consecutiveFailures, policy.successBelow, policy.minimumAttempts) = (nil, 0.5, 1_000_000)
            let times = try await failing(time, policy) { $0?.minimumAttempts = 5 }
            #expect(times.count == 12)
        },
        LiveCase("Destination.breaker.window") { time in
            // In a second there are never 5; within 30 s there are.
            var policy = breakerPolicy
            (policy.consecutiveFailures, policy.successBelow, policy.window) = (nil, 0.5, .milliseconds(500))
            let times = try await failing(time, policy) { $0?.window = .seconds(30) }
            #expect((12...20).contains(times.count))
        },
        LiveCase("Destination.breaker.open.initial") { time in
            let times = try await broken(time) { $0?.open = .constant(.seconds(100)) }
            #expect(times.prefix(3) == [.zero, .seconds(1), .seconds(101)])
        },
        LiveCase("Destination.breaker.open.maximum") { time in
            var policy = breakerPolicy
            policy.open = .exponential(from: .seconds(2), upTo: .seconds(3_600), multiplier: 1_000, jitter: false)
            let times = try await broken(time, policy) { $0?.open.maximum = .seconds(50) }
            #expect(times.prefix(4) == [.zero, .seconds(1), .seconds(3), .seconds(53)])
        },
        LiveCase("Destination.breaker.open.multiplier") { time in
            var policy = breakerPolicy
            policy.open = .exponential(from: .seconds(2), upTo: .seconds(3_600), multiplier: 1_000, jitter: false)
            let times = try await broken(time, policy) { $0?.open.multiplier = 10 }
            #expect(times.prefix(5) == [.zero, .seconds(1), .seconds(3), .seconds(23), .seconds(223)])
        },
        LiveCase("Destination.breaker.open.jitter") { time in
            let times = try await broken(time, breakerPolicy) {
                $0?.open = .exponential(from: .seconds(900), upTo: .seconds(900), jitter: true)
            }
            let third = try #require(times.count > 2 ? times[2] : nil)
            #expect(third > .seconds(450) && third < .seconds(901) && third != .seconds(901))
        },
        LiveCase("Destination.breaker.probes") { time in
            // Two probes are under way, which never end; a third is let out at once.
            var policy = breakerPolicy
            (policy.open, policy.probes) = (.constant(.seconds(2)), 2)
            var destination = Destination.Configuration.unbounded
            destination.breaker = policy
            var scene = LiveScene(messages: 10, ordering: .unordered(limit: 10), destination: destination)
            scene.middlewares = [Retry(maxAttempts: 1_000, backoff: .constant(.seconds(1)), maxElapsed: nil)]
            scene.length = .seconds(100)
            scene.answer = { _, time in
                if time.now.offset < .seconds(2) { throw Broken() }
                try await time.sleep(for: .seconds(5_000))
            }
            let times = try await scene.attempts(in: time, at: 10) { sink in try sink.update { $0.breaker?.probes = 3 }
            }
            .map(\.at)
            #expect(times.count { $0 >= .seconds(2) && $0 < .seconds(10) } == 2)
            #expect(after(times) == [.seconds(10)])
        },
        LiveCase("Destination.breaker.force") { time in
            let times = try await broken(time) { $0?.force = .closed }
            #expect(times.prefix(2) == [.zero, .seconds(1)] && after(times).count > 900)
            #expect(after(times).first == .seconds(10))
            // And none at all.
            let none = try await broken(time) { $0 = nil }
            #expect(none.count > 900)
        },
    ]

    /// New messages fail, one a second.
    private static func failing(
        _ time: RouterTime, _ policy: CircuitBreaker, _ change: (inout CircuitBreaker?) -> Void
    ) async throws -> [Duration] {
        var destination = Destination.Configuration.unbounded
        destination.breaker = policy
        var scene = LiveScene(messages: 500, ordering: .unordered(limit: 1), destination: destination)
        scene.middlewares = [Retry(maxAttempts: 1, maxElapsed: nil), Throttle(rate: 1)]
        scene.length = .seconds(400)
        return try await scene.attempts(in: time, at: 10.5) { sink in try sink.update { change(&$0.breaker) } }.map(
            \.at)
    }
}
