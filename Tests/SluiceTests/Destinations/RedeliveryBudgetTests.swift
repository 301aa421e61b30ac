import SluicePrometheus
import SluiceTesting
import Testing

@testable import Sluice

@Suite(.timeLimit(.minutes(10)))
struct RedeliveryBudgetTests {
    private func configuration(_ destination: Destination.Configuration) -> Router.Configuration {
        var configuration = Router.Configuration.quick
        configuration.destination = destination
        return configuration
    }

    /// Many keys, each with a message that fails: without a budget each would come again every 20 ms.
    @Test(arguments: [true, false]) func redeliveriesAreBoundedByTheBudget(retries: Bool) async throws {
        try await VirtualTime.run { time in
            let source = Source((0..<200).map { .numbered($0, key: "\($0)") }, time: time)
            let attempts = Counter()
            var retry = Retry(maxAttempts: 3)
            retry.backoff = .constant(.milliseconds(1))
            let router = Router.quick(retries ? [retry] : [], configuration: configuration(.budget(20)), time: time)
            try router.add(
                Route("r", from: source, "in", ordering: .perKey(lanes: 8, by: .metadata("key"))) { _, _ in
                    attempts.add()
                    throw Broken()
                })
            try await router.whileRunning {
                try await time.eventually {
                    router.destinations[0].status.waitingForBudget == 200
                }
                #expect(attempts.value == 220)
                let status = router.destinations[0].status
                #expect(status.waiting == 200 && status.messages == 200 && status.amplification == 1.1)
                #expect(status.note?.hasSuffix("200 messages wait") == true)
            }
            #expect(source.rejectedCount == 200)
            #expect(router.destinations[0].status.waiting == 0)
        }
    }

    /// What waited for the budget goes on at once when the destination works again, each key in its order.
    @Test(arguments: [Ordering.perKey(lanes: 4, by: .metadata("key")), .serial])
    func nothingIsLostAndTheOrderIsKeptOverAnOutage(ordering: Ordering) async throws {
        try await VirtualTime.run { time in
            let total = 400
            let source = Source((0..<total).map { .numbered($0, key: "\($0 % 40)") }, time: time)
            let isUp = Switch()
            let failures = Counter()
            let seen = Journal<(key: String, number: Int)>()
            var destination = Destination.Configuration.budget(2)
            destination.budget?.ratio = 0.2
            let router = Router.quick(configuration: configuration(destination), time: time)
            try router.add(
                Route("r", from: source, "in", ordering: ordering) { message, _ in
                    guard isUp.isOn else {
                        failures.add()
                        // The last of the budget finds it mended.
                        if failures.value >= (ordering.concurrency == 1 ? 2 : 42) { isUp.turnOn() }
                        throw Broken()
                    }
                    seen.add((message.key, message.number))
                })
            try await router.whileRunning {
                try await time.eventually { source.acknowledgedCount == total }
            }
            var numbers: [String: [Int]] = [:]
            for (key, number) in seen.entries { numbers[key, default: []].append(number) }
            for key in 0..<40 { #expect(numbers["\(key)"] == (0..<total).filter { $0 % 40 == key }) }
        }
    }

    @Test func attemptsOfAMessageGoOnOverItsRedeliveries() async throws {
        try await VirtualTime.run { time in
            let source = Source([.numbered(0)], time: time)
            let attempts = Journal<Int>()
            var retry = Retry(maxAttempts: 5)
            retry.backoff = .constant(.milliseconds(5))
            // Each wait is handed back: a pass is one attempt.
            retry.handBackAfter = .milliseconds(1)
            let poison = RecordingPublisher()
            let meters = Meters()
            let router = Router.quick(
                [PoisonQueue(to: poison, "poison"), HandlerMetrics(), retry], meters: meters, time: time)
            try router.add(
                Route("r", from: source, "in", ordering: .perKey(by: .metadata("key"))) { _, context in
                    attempts.add(context.attempt)
                    throw Broken()
                })
            try await router.whileRunning { try await time.eventually { source.acknowledgedCount == 1 } }
            #expect(attempts.entries == [1, 2, 3, 4, 5])
            #expect(poison.records.count == 1)
            // A message that waits for its next attempt was not rejected, and failed once.
            #expect(meters.value("sluice_deliveries_total", ["outcome": "rejected"]) == 0)
            #expect(meters.value("sluice_redeliveries_total") == 0)
            #expect(meters.value("sluice_retries_exhausted_total", ["reason": "Broken"]) == 1)
            #expect(meters.value("handler_execution_time_seconds_count", ["success": "false"]) == 1)
        }
    }

    /// `exhausted: redeliver`: a message without a poison queue goes on, one attempt at each redelivery.
    @Test func anExhaustedMessageGetsOneAttemptAtEachRedelivery() async throws {
        try await VirtualTime.run { time in
            let source = Source([.numbered(0)], time: time)
            let attempts = Journal<Int>()
            let retried = Counter()
            var retry = Retry(maxAttempts: 3)
            retry.backoff = .constant(.milliseconds(1))
            retry.onRetry = { _, _ in retried.add() }
            let meters = Meters()
            let router = Router.quick([retry], meters: meters, time: time)
            try router.add(
                Route("r", from: source, "in") { _, context in
                    if attempts.add(context.attempt) < 8 { throw Broken() }
                })
            try await router.whileRunning { try await time.eventually { source.acknowledgedCount == 1 } }
            #expect(attempts.entries == [1, 2, 3, 4, 5, 6, 7, 8])
            #expect(retried.value == 2)
            #expect(meters.value("sluice_deliveries_total", ["outcome": "rejected"]) == 5)
        }
    }

    /// Retry has waited long by then: the next wait is no short one again.
    @Test func theWaitsOfRedeliveriesGoOnFromThoseOfRetry() async throws {
        try await VirtualTime.run { time in
            let source = Source([.numbered(0)], time: time)
            let attempts = Journal<Duration>()
            var retry = Retry(maxAttempts: 3)
            retry.backoff = .constant(.zero)
            var configuration = Router.Configuration.quick
            configuration.redelivery = .exponential(from: .seconds(1), upTo: .seconds(1_000), jitter: false)
            let router = Router.quick([retry], configuration: configuration, time: time)
            try router.add(
                Route("r", from: source, "in") { _, _ in
                    if attempts.add(time.now.offset) < 6 { throw Broken() }
                })
            try await router.whileRunning {
                try await time.eventually(within: .seconds(100)) { source.acknowledgedCount == 1 }
            }
            #expect(attempts.entries == [0, 0, 0, 4, 12, 28].map { .seconds($0) })
        }
    }

    @Test func aThrottledAnswerCostsNoAttemptAndLessOfTheBudget() async throws {
        try await VirtualTime.run { time in
            let source = Source([.numbered(0)], time: time)
            let attempts = Journal<Int>()
            var retry = Retry(maxAttempts: 2)
            retry.throttledBackoff = .constant(.milliseconds(1))
            let router = Router.quick([retry], configuration: configuration(.budget(10)), time: time)
            try router.add(
                Route("r", from: source, "in") { _, context in
                    attempts.add(context.attempt)
                    throw HandlerError("slow", reason: "http_429", disposition: .throttled())
                })
            try await router.whileRunning {
                try await time.eventually { router.destinations[0].status.waitingForBudget == 1 }
            }
            // The first is free; each of the others costs 0.36 of 10, and is begun only where a failure could be paid.
            #expect(attempts.count == 27)
            #expect(attempts.entries.allSatisfy { $0 == 1 })
        }
    }

    /// A source that takes a message back delivers it as new: its number of deliveries says that it is none.
    @Test func whatASourceDeliversAgainNeedsABudgetToo() async throws {
        try await VirtualTime.run { time in
            let source = Source(redelivery: .source, time: time)
            let attempts = Counter()
            let router = Router.quick(configuration: configuration(.budget(3)), time: time)
            try router.add(
                Route("r", from: source, "in", ordering: .unordered(limit: 8)) { _, _ in
                    attempts.add()
                    throw Broken()
                })
            try await router.whileRunning {
                source.offer((0..<5).map { .numbered($0) })
                try await time.eventually { source.rejectedCount == 5 }
                source.offer((0..<8).map { .numbered($0) }, origin: .init(attempt: 2))
                try await time.eventually(within: .seconds(30)) { source.rejectedCount == 13 }
            }
            #expect(attempts.value == 8)
            #expect(router.destinations[0].status.messages == 5)
        }
    }
}
