import SluiceTesting
import Synchronization
import Testing

@testable import Sluice

/// What routes that share a destination do, told in virtual time: a seed repeats its course of events.
@Suite(.timeLimit(.minutes(10)))
struct DestinationScenarioTests {
    /// Two sinks at one outside system. One is told to wait; the other, which was told nothing, waits too.
    @Test(arguments: 0..<10 as Range<UInt64>)
    func a429ToOneOfTwoSinksIsKeptByBoth(seed: UInt64) async throws {
        func course() async throws -> [String] {
            try await VirtualTime.run(seed: seed, order: .shuffled) { time in
                let slack = try Destination("slack", time: time)
                let attempts = Journal<(at: Duration, sink: Int)>()
                let refusals = Journal<Duration>()
                let sources = (0..<2).map { _ in Source((0..<100).map { .numbered($0) }, time: time) }
                let router = Router(
                    middlewares: [Retry(), Throttle(rate: 1)], instruments: Meters().instruments, logger: .silent,
                    time: time)
                for (index, source) in sources.enumerated() {
                    try router.add(
                        Route("sink\(index)", from: source, "in", ordering: .serial, destination: slack) { _, _ in
                            attempts.add((time.now.offset, index))
                            guard index == 0, time.now.offset >= .seconds(20), refusals.count == 0 else { return }
                            refusals.add(time.now.offset)
                            throw HandlerError("429", reason: "http_429", disposition: .throttled(after: .seconds(60)))
                        })
                }
                try await router.whileRunning {
                    try await time.eventually(within: .seconds(1_000)) {
                        sources.allSatisfy { $0.acknowledgedCount == 100 }
                    }
                }
                let shut = try #require(refusals.entries.first)
                // At the same moment the other may have set out already.
                #expect(attempts.entries.filter { $0.at > shut && $0.at < shut + .seconds(60) }.isEmpty)
                // Up to a tenth later both go on.
                for sink in 0..<2 {
                    let next = try #require(attempts.entries.first { $0.sink == sink && $0.at > shut })
                    #expect(next.at <= shut + .seconds(68))
                }
                #expect(slack.status.attempts == [.success: 200, .throttled: 1] && slack.status.messages == 200)
                return attempts.entries.map { "\($0.at) \($0.sink)" }
            }
        }
        // A seed repeats its course, to the nanosecond.
        #expect(try await course() == course())
    }

    /// Messages that wait for a permit of Throttle when the destination asks for a longer time than an attempt may take: what
    /// they wait for it is no attempt, and uses up none.
    @Test func waitingForTheTimeThatWasNamedIsNoPartOfAnAttempt() async throws {
        try await VirtualTime.run(seed: 5) { time in
            let slack = try Destination("slack", time: time)
            let attempts = Journal<(at: Duration, number: Int, attempt: Int)>()
            let source = Source((0..<6).map { .numbered($0, key: "\($0)") }, time: time)
            let meters = Meters()
            let router = Router(
                middlewares: [Retry(), Throttle(rate: 1), Timeout(.seconds(5))], instruments: meters.instruments,
                logger: .silent, time: time)
            try router.add(
                Route(
                    "r", from: source, "in", ordering: .perKey(lanes: 8, by: .metadata("key")), destination: slack
                ) { message, context in
                    attempts.add((time.now.offset, message.number, context.attempt))
                    guard attempts.count == 1 else { return }
                    // The others have passed Retry meanwhile.
                    try await time.sleep(for: .milliseconds(500))
                    throw HandlerError("429", reason: "http_429", disposition: .throttled(after: .seconds(60)))
                })
            try await router.whileRunning {
                try await time.eventually(within: .seconds(1_000)) { source.acknowledgedCount == 6 }
            }
            #expect(attempts.count == 7)
            #expect(attempts.entries.dropFirst().allSatisfy { $0.at >= .seconds(60) && $0.attempt == 1 })
            #expect(slack.status.attempts == [.success: 6, .throttled: 1])
            #expect(slack.status.budgetRemaining > 0.9)
            #expect((meters.value("sluice_retries_total", ["handler_name": "r", "reason": "timeout"]) ?? 0) == 0)
        }
    }

    /// 500 keys, and a destination that is dead for an hour. Each message's first attempt is free, a fifth of that comes on
    /// top, and then one attempt a second: each key gets its turn, and none is tried each half a minute for ever.
    @Test(arguments: [1, 2] as [UInt64])
    func redeliveriesToADeadDestinationAreBoundedByTheFloor(seed: UInt64) async throws {
        let keys = 500
        func course() async throws -> [String] {
            try await VirtualTime.run(seed: seed) { time in
                let attempts = Journal<(at: Duration, number: Int)>()
                let taken = Journal<(at: Duration, number: Int)>()
                let source = Source((0..<1_000).map { .numbered($0, key: "\($0 % keys)") }, time: time)
                let meters = Meters()
                let router = Router(
                    middlewares: [Retry(maxAttempts: 8), Timeout()], instruments: meters.instruments, logger: .silent,
                    time: time)
                try router.add(
                    Route("r", from: source, "in", ordering: .perKey(lanes: 8, by: .metadata("key"))) { message, _ in
                        attempts.add((time.now.offset, message.number))
                        if time.now.offset < .seconds(3_600) { throw Broken() }
                        taken.add((time.now.offset, message.number))
                    })
                try await router.whileRunning {
                    try await time.sleep(for: .seconds(3_599))
                    let dead = attempts.entries.count
                    // 500 first attempts, a fifth of that, 3,600 at one a second, and 10 that were saved up.
                    #expect(dead <= 500 + 100 + 3_600 + 10)
                    #expect(dead >= 500 + 3_500)
                    let status = router.destinations[0].status
                    #expect(status.messages == 500 && status.waiting == 500)
                    #expect(
                        status.note
                            == "has failed for 59 min (Broken), and the retry budget is used up; 500 messages wait")
                    // The longest waiting goes first: none starves.
                    let tries = Dictionary(grouping: attempts.entries, by: \.number).mapValues(\.count)
                    #expect(tries.count == keys && tries.values.allSatisfy { $0 >= 5 && $0 <= 20 })
                    try await time.eventually(within: .seconds(120)) { source.acknowledgedCount == 1_000 }
                }
                for key in 0..<keys {
                    #expect(taken.entries.map(\.number).filter { $0 % keys == key } == [key, key + keys])
                }
                #expect(source.rejectedCount == 0)
                #expect(meters.value("sluice_unaccounted_messages") == 0)
                #expect(router.destinations[0].status.waiting == 0)
                return attempts.entries.map { "\($0.at) \($0.number)" }
            }
        }
        // A seed repeats its course, to the nanosecond.
        #expect(try await course() == course())
    }

    /// Two routes at one system that a person has to mend: both wait, both go on with the first success of either. The hold
    /// has cost nothing: neither attempts nor time of the messages that waited, nor the destination's budget. Each route's
    /// first message stumbles once more afterwards, and is tried again at once as one that has never failed.
    @Test func aHoldAndItsEndAreThoseOfBothRoutes() async throws {
        func course() async throws -> [String] {
            try await VirtualTime.run(seed: 3, order: .shuffled) { time in
                let grafana = try Destination("grafana", time: time)
                let attempts = Journal<(at: Duration, route: Int, number: Int)>()
                let taken = Journal<(route: Int, number: Int)>()
                let stumbled = Journal<Int>()
                let sources = (0..<2).map { _ in Source((0..<20).map { .numbered($0) }, time: time) }
                let meters = Meters()
                let router = Router(
                    middlewares: [Retry()], instruments: meters.instruments, logger: .silent, time: time)
                for (index, source) in sources.enumerated() {
                    try router.add(
                        Route("r\(index)", from: source, "in", ordering: .serial, destination: grafana) {
                            message, context in
                            attempts.add((time.now.offset, index, context.attempt))
                            guard time.now.offset >= .seconds(600) else {
                                throw HandlerError("401", reason: "http_401", disposition: .hold("http_401"))
                            }
                            guard stumbled.entries.contains(index) else {
                                stumbled.add(index)
                                throw Broken()
                            }
                            taken.add((index, message.number))
                        })
                }
                try await router.whileRunning {
                    try await time.sleep(for: .seconds(300.5))
                    let status = grafana.status
                    #expect(status.note == "held: http_401; asked again at 00:06:00 UTC; 2 messages wait")
                    #expect(status.budgetRemaining == 1)
                    try await time.eventually(within: .seconds(600)) {
                        sources.allSatisfy { $0.acknowledgedCount == 20 }
                    }
                    #expect(grafana.status.note == nil)
                }
                // Once a minute, by one message of one of them: what it is answered holds the other.
                #expect(attempts.entries.count { $0.at < .seconds(600) } == 10)
                #expect(attempts.count == 10 + 2 + 40)
                #expect(attempts.entries.allSatisfy { $0.at < .seconds(605) })
                for route in 0..<2 {
                    let numbers = attempts.entries.filter { $0.route == route && $0.at >= .seconds(600) }.map(\.number)
                    #expect(numbers == [1, 2] + Array(repeating: 1, count: 19))
                    #expect(taken.entries.filter { $0.route == route }.map(\.number) == Array(0..<20))
                }
                #expect((meters.value("sluice_retries_exhausted_total") ?? 0) == 0)
                return attempts.entries.map { "\($0.at) \($0.route)" }
            }
        }
        // A seed repeats its course, to the nanosecond.
        #expect(try await course() == course())
    }
}
