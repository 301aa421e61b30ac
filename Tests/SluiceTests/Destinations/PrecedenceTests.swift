import SluiceTesting
import Synchronization
import Testing

@testable import Sluice

/// An urgent route and another one at one destination: where both wait, the urgent one goes first.
@Suite(.timeLimit(.minutes(5)))
struct PrecedenceTests {
    private struct Attempt: Sendable {
        let at: Duration
        let route: String
        let number: Int
    }

    private final class Scene: Sendable {
        let attempts = Journal<Attempt>()
        let urgent: Source
        let plain: Source
        let router: Router
        let destination: Destination
        let time: RouterTime

        /// The other route is added first, so that nothing follows from the order of adding.
        init(
            _ configuration: Destination.Configuration, _ time: RouterTime, middlewares: [any Middleware] = [Retry()],
            _ answer: @escaping @Sendable (Attempt) async throws -> Void = { _ in }
        ) throws {
            self.time = time
            (urgent, plain) = (Source(time: time), Source(time: time))
            destination = try Destination("chat", configuration, time: time)
            router = Router(
                configuration: .quick, middlewares: middlewares, instruments: Meters().instruments, logger: .silent,
                time: time)
            let attempts = attempts
            for (name, source) in [("plain", plain), ("urgent", urgent)] {
                try router.add(
                    Route(
                        name, from: source, "in", ordering: .serial, destination: destination,
                        isUrgent: name == "urgent"
                    ) { message, _ in
                        let attempt = Attempt(at: time.now.offset, route: name, number: message.number)
                        attempts.add(attempt)
                        try await answer(attempt)
                    })
            }
        }

        /// The routes of the attempts, in order.
        var order: [String] { attempts.entries.map { $0.route } }
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func theThrottlesNextPermitIsTheUrgentOnes(seed: UInt64) async throws {
        try await VirtualTime.run(seed: seed, order: .shuffled) { time in
            let scene = try Scene(.init(budget: nil, throttle: Throttle(rate: 1)), time)
            try await scene.router.whileRunning {
                scene.plain.offer((0..<6).map { .numbered($0) })
                try await time.eventually { scene.attempts.count == 1 }
                // The second of the others waits for its permit already.
                try await time.sleep(for: .milliseconds(500))
                scene.urgent.offer((0..<3).map { .numbered($0) })
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
            let scene = try Scene(.init(budget: nil, concurrency: .fixed(1)), time) { _ in
                try await time.sleep(for: .seconds(1))
            }
            // A third route has the only slot.
            try scene.router.add(
                Route("other", from: other, "in", ordering: .serial, destination: scene.destination) { _, _ in
                    try await time.sleep(for: .seconds(5))
                })
            try await scene.router.whileRunning {
                try await time.sleep(for: .seconds(1))
                scene.plain.offer((0..<3).map { .numbered($0) })
                try await time.sleep(for: .seconds(1))
                scene.urgent.offer((0..<2).map { .numbered($0) })
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
            let scene = try Scene(
                .init(retryAfter: .init(jitter: 0), budget: nil, throttle: throttle), time,
                middlewares: [Retry(), Timeout()]
            ) { attempt in
                guard attempt.at < .seconds(50) else { return }
                throw HandlerError("429", reason: "http_429", disposition: .throttled(after: .seconds(60)))
            }
            try await scene.router.whileRunning {
                scene.plain.offer((0..<3).map { .numbered($0) })
                try await time.eventually { scene.attempts.count == 1 }
                try await time.sleep(for: .seconds(20))
                scene.urgent.offer([.numbered(0)])
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
            let scene = try Scene(
                .init(budget: nil, breaker: breaker), time, middlewares: [Retry(maxAttempts: 1_000, maxElapsed: nil)]
            ) { attempt in
                if attempt.at < .seconds(300) { throw Broken() }
            }
            try await scene.router.whileRunning {
                scene.plain.offer((0..<4).map { .numbered($0) })
                try await time.eventually(within: .seconds(60)) { scene.destination.status.shut?.why == .breaker }
                let count = scene.attempts.count
                // Another message than the one that alone has failed.
                scene.urgent.offer([.numbered(100)])
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
            let scene = try Scene(.init(budget: budget), time, middlewares: [Retry(maxAttempts: 1)]) { attempt in
                if attempt.at < .seconds(500) { throw Broken() }
            }
            try await scene.router.whileRunning {
                scene.plain.offer([.numbered(0)])
                try await time.eventually { scene.attempts.count >= 2 }
                scene.urgent.offer([.numbered(0)])
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
            let scene = try Scene(.init(budget: nil, throttle: Throttle(rate: 1)), time)
            try await scene.router.whileRunning {
                scene.plain.offer([.numbered(0)])
                try await time.eventually { scene.attempts.count == 1 }
                scene.urgent.offer([.numbered(0), .numbered(1)])
                try await time.sleep(for: .milliseconds(100))
                try scene.router.pause("urgent")
                scene.plain.offer((1..<5).map { .numbered($0) })
                try await time.eventually(within: .seconds(20)) { scene.plain.acknowledgedCount == 5 }
                #expect(scene.urgent.acknowledgedCount == 0)
                try scene.router.resume("urgent")
                try await time.eventually(within: .seconds(20)) { scene.urgent.acknowledgedCount == 2 }
            }
        }
    }

    /// An urgent message that fails alone leaves the look at the destination to the others.
    @Test func anUrgentMessageThatFailsForItselfHoldsUpNoOther() async throws {
        try await VirtualTime.run { time in
            let scene = try Scene(
                .init(budget: nil, breaker: CircuitBreaker(), throttle: Throttle(rate: 100)), time,
                middlewares: [Retry(maxAttempts: 1_000, maxElapsed: nil)]
            ) { attempt in
                if attempt.route == "urgent" { throw Broken() }
            }
            try await scene.router.whileRunning {
                scene.urgent.offer([.numbered(1_000)])
                try await time.eventually(within: .seconds(60)) { scene.destination.status.shut?.why == .breaker }
                scene.plain.offer((0..<100).map { .numbered($0) })
                try await time.eventually(within: .seconds(600)) { scene.plain.acknowledgedCount == 100 }
            }
        }
    }
}
