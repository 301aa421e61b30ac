import SluiceTesting
import Synchronization
import Testing

@testable import Sluice

/// An urgent route and another one at one destination: where both wait, the urgent one goes first.
@Suite(.timeLimit(.minutes(5)))
struct PrecedenceTests {
    @Test(arguments: 0..<20 as Range<UInt64>)
    func theThrottlesNextPermitIsTheUrgentOnes(seed: UInt64) async throws {
        try await VirtualTime.run(seed: seed, order: .shuffled) { time in
            let scene = try StandingScene(.urgentBeforePlain, .init(budget: nil, throttle: Throttle(rate: 1)), time)
            try await scene.router.whileRunning {
                scene.behind.offer((0..<6).map { .numbered($0) })
                try await time.eventually { scene.attempts.count == 1 }
                // The second of the others waits for its permit already.
                try await time.sleep(for: .milliseconds(500))
                scene.ahead.offer((0..<3).map { .numbered($0) })
                try await time.eventually(within: .seconds(60)) { scene.attempts.count == 9 }
            }
            #expect(
                scene.order == ["plain"] + Array(repeating: "urgent", count: 3) + Array(repeating: "plain", count: 5))
            // None comes too soon, and none too late.
            let moments = scene.attempts.entries.map(\.at)
            for (one, next) in zip(moments, moments.dropFirst()) {
                #expect(next - one > .milliseconds(990) && next - one < .milliseconds(1_010), "\(moments)")
            }
        }
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func theNextSlotIsTheUrgentOnes(seed: UInt64) async throws {
        try await VirtualTime.run(seed: seed, order: .shuffled) { time in
            let other = Source((0..<1).map { .numbered($0) }, time: time)
            let scene = try StandingScene(.urgentBeforePlain, .init(budget: nil, concurrency: .fixed(1)), time) { _ in
                try await time.sleep(for: .seconds(1))
            }
            // A third route has the only slot.
            try scene.router.add(
                Route("other", from: other, "in", ordering: .serial, destination: scene.destination) { _, _ in
                    try await time.sleep(for: .seconds(5))
                })
            try await scene.router.whileRunning {
                try await time.sleep(for: .seconds(1))
                scene.behind.offer((0..<3).map { .numbered($0) })
                try await time.sleep(for: .seconds(1))
                scene.ahead.offer((0..<2).map { .numbered($0) })
                try await time.eventually(within: .seconds(60)) { scene.attempts.count == 5 }
            }
            #expect(scene.order.first == "urgent")
            // The slot that the urgent one leaves may be another's before its route has its next message.
            #expect(scene.order.prefix(3).filter { $0 == "urgent" }.count == 2, "\(scene.order)")
        }
    }

    @Test(arguments: [nil, Throttle(rate: 1)] as [Throttle?], 0..<10 as Range<UInt64>)
    func theUrgentOneGoesFirstWhenTheGateOpens(throttle: Throttle?, seed: UInt64) async throws {
        try await VirtualTime.run(seed: seed, order: .shuffled) { time in
            let scene = try StandingScene(
                .urgentBeforePlain, .init(retryAfter: .init(jitter: 0), budget: nil, throttle: throttle), time,
                middlewares: [Retry(), Timeout()]
            ) { attempt in
                guard attempt.at < .seconds(50) else { return }
                throw HandlerError("429", reason: "http_429", disposition: .throttled(after: .seconds(60)))
            }
            try await scene.router.whileRunning {
                scene.behind.offer((0..<3).map { .numbered($0) })
                try await time.eventually { scene.attempts.count == 1 }
                try await time.sleep(for: .seconds(20))
                scene.ahead.offer([.numbered(0)])
                try await time.eventually(within: .seconds(200)) { scene.attempts.count == 5 }
            }
            #expect(scene.order == ["plain", "urgent", "plain", "plain", "plain"])
        }
    }

    @Test(arguments: 0..<10 as Range<UInt64>)
    func theBreakersProbeIsTheUrgentOnes(seed: UInt64) async throws {
        try await VirtualTime.run(seed: seed, order: .shuffled) { time in
            var breaker = CircuitBreaker()
            breaker.open = .constant(.seconds(100))
            let scene = try StandingScene(
                .urgentBeforePlain, .init(budget: nil, breaker: breaker), time,
                middlewares: [Retry(maxAttempts: 1_000, maxElapsed: nil)]
            ) { attempt in
                if attempt.at < .seconds(300) { throw Broken() }
            }
            try await scene.router.whileRunning {
                scene.behind.offer((0..<4).map { .numbered($0) })
                try await time.eventually(within: .seconds(60)) { scene.destination.status.shut?.why == .breaker }
                let count = scene.attempts.count
                // Another message than the one that alone has failed.
                scene.ahead.offer([.numbered(100)])
                try await time.eventually(within: .seconds(1_000)) { scene.attempts.count >= count + 8 }
                // The message that alone had failed leaves the first look to another.
                #expect(scene.order[count] == "urgent")
                let probes = scene.attempts.entries[count...].filter { $0.at < .seconds(300) }
                #expect(probes.allSatisfy { $0.route == "urgent" }, "\(probes)")
            }
        }
    }

    @Test(arguments: 0..<10 as Range<UInt64>)
    func theBudgetsNextAttemptIsTheUrgentOnes(seed: UInt64) async throws {
        try await VirtualTime.run(seed: seed, order: .shuffled) { time in
            let budget = RetryBudget(ratio: 0, window: .seconds(10), floor: 0.1)
            let scene = try StandingScene(
                .urgentBeforePlain, .init(budget: budget), time, middlewares: [Retry(maxAttempts: 1)]
            ) { attempt in
                if attempt.at < .seconds(500) { throw Broken() }
            }
            try await scene.router.whileRunning {
                scene.behind.offer([.numbered(0)])
                try await time.eventually { scene.attempts.count >= 2 }
                scene.ahead.offer([.numbered(0)])
                try await time.eventually(within: .seconds(1_000)) { scene.attempts.count >= 12 }
            }
            // From its first attempt on the urgent one takes every permit.
            let first = try #require(scene.order.firstIndex(of: "urgent"))
            let later = scene.attempts.entries[(first + 2)...].filter { $0.at < .seconds(500) }
            #expect(later.count >= 3 && later.allSatisfy { $0.route == "urgent" }, "\(scene.order)")
        }
    }

    /// What waits for nothing that another has does not hold it up.
    @Test func anUrgentRouteThatIsPausedHoldsUpNoOther() async throws {
        try await VirtualTime.run { time in
            let scene = try StandingScene(.urgentBeforePlain, .init(budget: nil, throttle: Throttle(rate: 1)), time)
            try await scene.router.whileRunning {
                scene.behind.offer([.numbered(0)])
                try await time.eventually { scene.attempts.count == 1 }
                scene.ahead.offer([.numbered(0), .numbered(1)])
                try await time.sleep(for: .milliseconds(100))
                try scene.router.pause("urgent")
                scene.behind.offer((1..<5).map { .numbered($0) })
                try await time.eventually(within: .seconds(20)) { scene.behind.acknowledgedCount == 5 }
                #expect(scene.ahead.acknowledgedCount == 0)
                try scene.router.resume("urgent")
                try await time.eventually(within: .seconds(20)) { scene.ahead.acknowledgedCount == 2 }
            }
        }
    }

    /// An urgent message that fails alone leaves the look at the destination to the others.
    @Test func anUrgentMessageThatFailsForItselfHoldsUpNoOther() async throws {
        try await VirtualTime.run { time in
            let scene = try StandingScene(
                .urgentBeforePlain, .init(budget: nil, breaker: CircuitBreaker(), throttle: Throttle(rate: 100)), time,
                middlewares: [Retry(maxAttempts: 1_000, maxElapsed: nil)]
            ) { attempt in
                if attempt.route == "urgent" { throw Broken() }
            }
            try await scene.router.whileRunning {
                scene.ahead.offer([.numbered(1_000)])
                try await time.eventually(within: .seconds(60)) { scene.destination.status.shut?.why == .breaker }
                scene.behind.offer((0..<100).map { .numbered($0) })
                try await time.eventually(within: .seconds(600)) { scene.behind.acknowledgedCount == 100 }
            }
        }
    }
}
