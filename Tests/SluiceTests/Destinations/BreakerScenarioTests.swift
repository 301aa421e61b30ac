import SluiceTesting
import Synchronization
import Testing

@testable import Sluice

/// Routes at a destination whose breaker opens, told in virtual time.
@Suite(.timeLimit(.minutes(2)))
struct BreakerScenarioTests {
    private static let ways: [(Ordering, isOrdered: Bool)] = [
        (.serial, true), (.perKey(lanes: 8, by: .metadata("key")), true), (.unordered(limit: 8), false),
    ]

    private struct Attempt {
        let at: Duration
        let route: String
        let number: Int
    }

    /// The goal of destinations: dead for an hour while 10,000 messages wait, it sees a hundred attempts at most.
    @Test(arguments: ways)
    func aDeadHourCostsAtMostAHundredAttempts(ordering: Ordering, isOrdered: Bool) async throws {
        try await VirtualTime.run(seed: 4) { time in
            let destination = try Destination("sink", .init(breaker: CircuitBreaker()), time: time)
            let attempts = Journal<Attempt>()
            let taken = Journal<Int>()
            let source = Source((0..<10_000).map { .numbered($0, key: "\($0 % 50)") }, time: time)
            let meters = Meters()
            let router = Router(
                middlewares: [Retry(), Timeout()], instruments: meters.instruments, logger: .silent, time: time)
            try router.add(
                Route("r", from: source, "in", ordering: ordering, destination: destination) { message, _ in
                    attempts.add(Attempt(at: time.now.offset, route: "r", number: message.number))
                    guard time.now.offset >= .seconds(3_600) else { throw Broken() }
                    taken.add(message.number)
                })
            try await router.whileRunning {
                try await time.sleep(for: .seconds(3_599))
                #expect(attempts.count <= 100)
                #expect(destination.status.shut?.why == .breaker)
                // It comes back: what waits is delivered within the longest rest.
                try await time.eventually(within: .seconds(302)) { source.acknowledgedCount == 10_000 }
            }
            for key in 0..<50 where isOrdered {
                #expect(taken.entries.filter { $0 % 50 == key } == Array(stride(from: key, to: 10_000, by: 50)))
            }
            #expect(taken.count == 10_000 && source.rejectedCount == 0)
            #expect(destination.status.shut == nil && destination.status.waiting == 0)
            #expect(meters.value("sluice_unaccounted_messages") == 0)
        }
    }

    /// Two routes wait. Each gives probes in its turn, and its oldest message first.
    @Test func probesComeFromTheRoutesInTurn() async throws {
        try await VirtualTime.run(seed: 2) { time in
            let destination = try Destination("sink", .init(budget: nil, breaker: CircuitBreaker()), time: time)
            let attempts = Journal<Attempt>()
            let sources = (0..<2).map { _ in Source((0..<20).map { .numbered($0) }, time: time) }
            let router = Router(
                middlewares: [Retry(maxAttempts: 100, maxElapsed: nil)], instruments: Meters().instruments,
                logger: .silent, time: time)
            for (index, source) in sources.enumerated() {
                try router.add(
                    Route("r\(index)", from: source, "in", ordering: .serial, destination: destination) { message, _ in
                        attempts.add(Attempt(at: time.now.offset, route: "r\(index)", number: message.number))
                        guard time.now.offset >= .seconds(1_000) else { throw Broken() }
                    })
            }
            try await router.whileRunning {
                try await time.eventually(within: .seconds(1_400)) {
                    sources.allSatisfy { $0.acknowledgedCount == 20 }
                }
            }
            let probes = attempts.entries.filter { $0.at > .seconds(30) && $0.at < .seconds(1_000) }
            #expect(probes.count >= 4 && probes.allSatisfy { $0.number == 0 })
            for (one, next) in zip(probes, probes.dropFirst()) { #expect(one.route != next.route) }
        }
    }

    /// An answer that asks to slow down, one that needs a person, and one that names the message come from a destination
    /// that works.
    @Test(arguments: [
        Disposition.throttled(after: .milliseconds(10)), .hold("http_401", for: .milliseconds(100)),
        .poison("http_400"),
    ])
    func opensOnlyForFailures(disposition: Disposition) async throws {
        try await VirtualTime.run { time in
            let destination = try Destination("sink", .init(breaker: CircuitBreaker()), time: time)
            let source = Source((0..<50).map { .numbered($0) }, time: time)
            let poison = RecordingPublisher()
            let router = Router(
                middlewares: [PoisonQueue(to: poison, "poison"), Retry()], instruments: Meters().instruments,
                logger: .silent, time: time)
            let answers = Mutex<[Int: Int]>([:])
            try router.add(
                Route("r", from: source, "in", ordering: .serial, destination: destination) { message, _ in
                    let before = answers.withLock { answers in
                        answers[message.number, default: 0] += 1
                        return answers[message.number, default: 0] - 1
                    }
                    #expect(destination.breaker.read().state == .closed)
                    if before == 0 { throw HandlerError("no", reason: "no", disposition: disposition) }
                })
            try await router.whileRunning {
                try await time.eventually(within: .seconds(1_000)) { source.acknowledgedCount == 50 }
            }
            #expect(destination.breaker.read().transitions.isEmpty)
        }
    }

    /// A route that ends while one of its messages was to find out: the other route does.
    @Test func aProbeThatIsNotMadeGoesToAnother() async throws {
        try await VirtualTime.run(seed: 9) { time in
            let destination = try Destination(
                "sink", .init(breaker: CircuitBreaker(consecutiveFailures: 3, open: .constant(.seconds(10)))),
                time: time)
            let attempts = Journal<Attempt>()
            let (gone, stays) = (
                Source((0..<20).map { .numbered($0) }, time: time), Source((0..<20).map { .numbered($0) }, time: time)
            )
            func router(_ name: String, _ source: Source) throws -> Router {
                // A probe waits for its permit: meanwhile no other message finds out.
                let router = Router(
                    middlewares: [Retry(maxElapsed: nil), Throttle(rate: name == "gone" ? 0.05 : 100, burst: 3)],
                    instruments: Meters().instruments, logger: .silent, time: time)
                try router.add(
                    Route(
                        "\(name)", from: source, "in", ordering: .serial, destination: destination
                    ) { message, _ in
                        attempts.add(Attempt(at: time.now.offset, route: name, number: message.number))
                        guard time.now.offset >= .seconds(5) else { throw Broken() }
                    })
                return router
            }
            let (one, other) = (try router("gone", gone), try router("stays", stays))
            try await one.whileRunning {
                try await time.eventually(within: .seconds(100)) { destination.breaker.read().state == .halfOpen }
            }
            try await other.whileRunning {
                try await time.eventually(within: .seconds(100)) { stays.acknowledgedCount == 20 }
            }
            #expect(destination.breaker.read().state == .closed)
        }
    }

    /// A person pauses the route whose message was to find out, at the destination's line or at its throttle: the other
    /// route's message does.
    @Test(arguments: [0, 1], [false, true])
    func aPausedRouteKeepsNoProbe(paused: Int, isThrottled: Bool) async throws {
        try await VirtualTime.run(seed: 5) { time in
            let destination = try Destination(
                "sink",
                .init(budget: nil, breaker: CircuitBreaker(consecutiveFailures: 4, open: .constant(.seconds(10)))),
                time: time)
            let sources = (0..<2).map { _ in Source((0..<10).map { .numbered($0) }, time: time) }
            let throttle: [any Middleware] = isThrottled ? [Throttle(rate: 0.05, burst: 2)] : []
            let router = Router(
                middlewares: [Retry(maxAttempts: 100, maxElapsed: nil)] + throttle,
                instruments: Meters().instruments, logger: .silent, time: time)
            for (index, source) in sources.enumerated() {
                try router.add(
                    Route("r\(index)", from: source, "in", ordering: .serial, destination: destination) { _, _ in
                        guard time.now.offset >= .seconds(5) else { throw Broken() }
                    })
            }
            try await router.whileRunning {
                let state: BreakerBook.State = isThrottled ? .halfOpen : .open
                try await time.eventually(within: .seconds(100)) { destination.breaker.read().state == state }
                // Until both stand in its line.
                if !isThrottled { try await time.sleep(for: .seconds(3)) }
                try router.pause("r\(paused)")
                try await time.eventually(within: .seconds(1_000)) { sources[1 - paused].acknowledgedCount == 10 }
                #expect(sources[paused].acknowledgedCount == 0)
                try router.resume("r\(paused)")
                try await time.eventually(within: .seconds(1_000)) { sources[paused].acknowledgedCount == 10 }
            }
            #expect(destination.status.shut == nil && destination.status.waiting == 0)
        }
    }

    /// What `/readyz` says of it: since when, why, what comes next.
    @Test func saysSinceWhenItIsOpenAndWhatComesNext() async throws {
        try await VirtualTime.run { time in
            let policy = CircuitBreaker(open: .constant(.seconds(60)))
            let destination = try Destination("sink", .init(budget: nil, breaker: policy), time: time)
            let source = Source([.numbered(0)], time: time)
            let router = Router(
                middlewares: [Retry(maxAttempts: 100, backoff: .constant(.seconds(1)))],
                instruments: Meters().instruments, logger: .silent, time: time)
            try router.add(
                Route("r", from: source, "in", ordering: .serial, destination: destination) { _, context in
                    if time.now.offset > .seconds(30) { try await context.sleep(for: .seconds(5)) }
                    throw Broken()
                })
            try await router.whileRunning {
                try await time.sleep(for: .seconds(20))
                let words = "the breaker is open since 00:00:06 UTC: attempts fail (Broken); "
                #expect(destination.status.note == words + "asked again at 00:01:06 UTC; 1 message waits")
                try await time.sleep(for: .seconds(48))
                #expect(destination.status.note == words + "an attempt is under way; 0 messages wait")
                try await time.sleep(for: .seconds(2 * 86_400))
                let later = "the breaker is open since 00:00:06 UTC, 2 days ago: "
                #expect(destination.status.note?.hasPrefix(later) == true)
            }
            // Nothing waits any more, and no message asks: it is not overdue.
            try await time.sleep(for: .seconds(600))
            let words = "the next message finds out; 0 messages wait"
            #expect(destination.status.note?.hasSuffix(words) == true && destination.status.nextAttempt == nil)
        }
    }

    @Test func aPersonMayForceIt() async throws {
        try await VirtualTime.run { time in
            let destination = try Destination("sink", .init(breaker: CircuitBreaker(force: .open)), time: time)
            let source = Source((0..<20).map { .numbered($0) }, time: time)
            let meters = Meters()
            let router = Router(
                middlewares: [Retry(), Timeout(.seconds(5))], instruments: meters.instruments, logger: .silent,
                time: time)
            func shown(_ state: String) -> Double? {
                meters.value("sluice_circuit_breaker_state", ["destination": "sink", "state": state])
            }
            let failures = Mutex(0)
            try router.add(
                Route("r", from: source, "in", ordering: .serial, destination: destination) { _, _ in
                    let fails = failures.withLock { failures in
                        failures += 1
                        return failures <= 12
                    }
                    if fails { throw Broken() }
                })
            try await router.whileRunning {
                try await time.sleep(for: .seconds(3_600))
                #expect(destination.status.attempts.values.allSatisfy { $0 == 0 })
                #expect(destination.status.note == "the breaker is forced open; 1 message waits")
                #expect(shown("open") == 1 && shown("closed") == 0)
                try destination.update { $0.breaker = CircuitBreaker(force: .closed) }
                try await time.eventually(within: .seconds(300)) { source.acknowledgedCount == 20 }
                #expect(failures.withLock(\.self) == 20 + 12)
                // What a person says outdoes what attempts say, here too: no alert of a breaker that holds nothing back.
                try destination.update {
                    $0.breaker = CircuitBreaker(consecutiveFailures: 1, open: .constant(.seconds(9_000)))
                }
                failures.withLock { $0 = 0 }
                source.offer([.numbered(20)])
                try await time.eventually(within: .seconds(100)) { shown("open") == 1 }
                try destination.update { $0.breaker = CircuitBreaker(force: .closed) }
                #expect(shown("open") == 0 && shown("closed") == 1 && destination.status.shut == nil)
                try await time.eventually(within: .seconds(600)) { source.acknowledgedCount == 21 }
            }
        }
    }
}
