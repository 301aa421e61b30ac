import SluicePrometheus
import SluiceTesting
import Testing

@testable import Sluice

@Suite(.timeLimit(.minutes(10)))
struct RetryTests {
    private func retry(_ attempts: Int = 5, backoff: Backoff = .constant(.microseconds(100))) -> Retry {
        var retry = Retry(maxAttempts: attempts)
        retry.backoff = backoff
        return retry
    }

    @Test func triesAsOftenAsItMayAndThrowsTheLastError() async throws {
        try await VirtualTime.run { time in
            let calls = Counter()
            let meters = Meters()
            let chain = try Chain([retry(4)], meters: meters, time: time) { _, _ in
                calls.add()
                throw HandlerError("no", reason: "no_\(calls.value)", disposition: .retry())
            }
            let context = chain.context(.numbered(0))
            let error = await #expect(throws: HandlerError.self) { try await chain(.numbered(0), context) }
            #expect(error?.reason == "no_4")
            #expect(calls.value == 4 && context.attempts == 4 && context.isExhausted)
            _ = meters.exposition()  // shows at 0 what is new
            let now = meters.exposition()
            for attempt in 1...3 { #expect(now.value("sluice_retries_total", ["reason": "no_\(attempt)"]) == 1) }
            #expect(now.value("sluice_retries_exhausted_total", ["reason": "no_4"]) == 1)
            #expect(now.value("sluice_retry_backoff_seconds_count") == 3)
            #expect(now.value("sluice_retry_max_attempts") == 4)
        }
    }

    @Test func returnsWhatASuccessReturnsAndTellsEachAttemptItsNumber() async throws {
        try await VirtualTime.run { time in
            let attempts = Journal<Int>()
            let chain = try Chain([retry()], time: time) { message, context in
                attempts.add(context.attempt)
                if context.attempt < 3 { throw Broken() }
                return [message]
            }
            #expect(try await chain(.numbered(9)).map(\.number) == [9])
            #expect(attempts.entries == [1, 2, 3])
        }
    }

    @Test func triesNothingAgainThatCanNeverSucceed() async throws {
        try await VirtualTime.run { time in
            for disposition in [Disposition.poison("x"), .discard("x")] {
                let calls = Counter()
                let chain = try Chain([retry()], time: time) { _, _ in
                    calls.add()
                    throw HandlerError("x", reason: "x", disposition: disposition)
                }
                await #expect(throws: HandlerError.self) { try await chain() }
                #expect(calls.value == 1)
            }
        }
    }

    @Test func tellsItsHookOfEachRetryWithTheWaitThatIsReallyWaited() async throws {
        try await VirtualTime.run { time in
            let events = Journal<(Retry.Event, MonotonicTime)>()
            let calls = Journal<MonotonicTime>()
            var retry = retry(5, backoff: .exponential(from: .milliseconds(2), upTo: .milliseconds(8)))
            retry.onRetry = { event, _ in events.add((event, time.now)) }
            let chain = try Chain([retry], time: time) { _, _ in
                if calls.add(time.now) == 2 {
                    throw HandlerError("b", reason: "b", disposition: .retry(after: .milliseconds(30)))
                }
                throw Broken()
            }
            await #expect(throws: Broken.self) { try await chain() }
            // An answer that names a time uses up no attempt.
            #expect(events.entries.map(\.0.attempt) == [1, 2, 2, 3, 4])
            #expect(events.entries[1].0.delay == .milliseconds(30))
            #expect(events.entries[1].0.error is HandlerError)
            for (index, (event, told)) in events.entries.enumerated() {
                let waited = calls.entries[index + 1].nanoseconds(since: told)
                #expect(waited == event.delay.wholeNanoseconds)
                if index != 1 { #expect(event.delay <= retry.backoff.bound(beforeRetry: event.attempt)) }
            }
        }
    }

    @Test func beginsNoWaitThatWouldEndTooLate() async throws {
        try await VirtualTime.run { time in
            var retry = retry(1_000, backoff: .constant(.milliseconds(20)))
            retry.maxElapsed = .milliseconds(50)
            let calls = Counter()
            let chain = try Chain([retry], time: time) { _, _ in
                calls.add()
                throw Broken()
            }
            let context = chain.context(.numbered(0))
            await #expect(throws: Broken.self) { try await chain(.numbered(0), context) }
            // At 0, 20 and 40 ms.
            #expect(calls.value == 3 && time.now.offset == .milliseconds(40))
            #expect(context.isExhausted)
        }
    }

    @Test func aLongRetryAfterGivesTheMessageBackAndExhaustsNothing() async throws {
        try await VirtualTime.run { time in
            let calls = Counter()
            let chain = try Chain([retry()], time: time) { _, _ in
                calls.add()
                throw HandlerError("busy", reason: "http_429", disposition: .retry(after: .seconds(600)))
            }
            let context = chain.context(.numbered(0))
            await #expect(throws: HandlerError.self) { try await chain(.numbered(0), context) }
            #expect(calls.value == 1 && !context.isExhausted)
        }
    }

    /// Several messages at once; one is told to wait. Throttle inside lets others wait for permits meanwhile.
    @Test func sendsNothingOfTheRouteInsideARetryAfterWindow() async throws {
        try await VirtualTime.run { time in
            let window = Duration.milliseconds(400)
            let source = Source((0..<40).map { .numbered($0) }, time: time)
            let calls = Journal<(began: MonotonicTime, refused: Bool)>()
            let refused = Journal<MonotonicTime>()
            let router = Router.quick([retry(), Throttle(rate: 100, burst: 1)], time: time)
            try router.add(
                Route("r", from: source, "in", ordering: .unordered(limit: 16)) { message, context in
                    let isRefused = message.number == 10 && context.attempts == 1
                    calls.add((time.now, isRefused))
                    if isRefused {
                        refused.add(time.now)
                        throw HandlerError("busy", reason: "http_429", disposition: .retry(after: window))
                    }
                })
            try await router.whileRunning { try await time.eventually { source.acknowledgedCount == 40 } }
            let shut = try #require(refused.entries.first)
            let after = calls.entries.filter { $0.began > shut }
            #expect(after.count >= 15)
            #expect(after.allSatisfy { $0.began >= shut.advanced(by: window) })
        }
    }

    /// "At once" from a destination that asks to slow down is no time: it is waited as if it had named none.
    @Test(arguments: [Duration.zero, .seconds(-5)])
    func aRetryAfterOfZeroMakesNoLoop(named: Duration) async throws {
        try await VirtualTime.run { time in
            let calls = Counter()
            let chain = try Chain([Retry(maxElapsed: nil)], time: time) { _, _ in
                calls.add()
                // A loop would let no time pass.
                let asked: Disposition = calls.value > 1_000 ? .poison("it loops") : .throttled(after: named)
                throw HandlerError("busy", reason: "http_429", disposition: asked)
            }
            let task = time.task { try await chain() }
            try await time.sleep(for: .seconds(600))
            // From 1 s, doubling, up to 5 minutes: with the jitter a dozen or two.
            #expect((3...40).contains(calls.value))
            task.cancel()
            _ = try? await task.value
        }
    }

    @Test func aHoldPoisonsNothingCountsNothingAndOpensAgain() async throws {
        try await VirtualTime.run { time in
            let source = Source((0..<6).map { .numbered($0) }, time: time)
            let poison = RecordingPublisher()
            let meters = Meters()
            let failures = Counter()
            let events = Counter()
            var retry = retry(2)
            retry.maxElapsed = .milliseconds(50)
            retry.onRetry = { _, _ in events.add() }
            let router = Router.quick([PoisonQueue(to: poison, "poison"), retry], meters: meters, time: time)
            let isMended = Journal<Bool>()
            try router.add(
                Route("r", from: source, "in", ordering: .unordered(limit: 2)) { message, context in
                    guard isMended.count > 0 else {
                        failures.add()
                        throw HandlerError("revoked", reason: "revoked", disposition: .hold("revoked", for: .zero))
                    }
                    // Failing once after the hold is not too late: the hold has used up no time.
                    if context.attempt == 1, message.number == 0 { throw Broken() }
                })
            try await router.whileRunning {
                try await time.eventually { failures.value >= 4 }
                #expect(router.status[0].isRunning && router.status[0].note == nil)
                let status = router.destinations[0].status
                #expect(status.name == "r" && status.shut == .init(why: .held, reason: "revoked"))
                #expect(status.note?.hasPrefix("held: revoked; ") == true)
                #expect(source.acknowledged.isEmpty && source.rejections.isEmpty)
                isMended.add(true)
                try await time.eventually { source.acknowledgedCount == 6 }
                #expect(router.destinations[0].status.note == nil)
            }
            // Held with no time named, it still is not asked in a hot loop.
            #expect(failures.value < 20)
            #expect(poison.records.isEmpty)
            #expect(events.value == 1)
            #expect(meters.value("sluice_retries_total", ["reason": "revoked"]) == nil)
        }
    }

    @Test func anEmptyBudgetRejectsAndDoesNotPoison() async throws {
        try await VirtualTime.run { time in
            let source = Source([.numbered(0)], redelivery: .source, time: time)
            let poison = RecordingPublisher()
            let meters = Meters()
            let calls = Counter()
            var configuration = Router.Configuration.quick
            configuration.destination = .budget(3)
            let router = Router.quick(
                [PoisonQueue(to: poison, "poison"), retry(100)], meters: meters, configuration: configuration,
                time: time)
            try router.add(
                Route("r", from: source, "in") { _, _ in
                    calls.add()
                    throw Broken()
                })
            try await router.whileRunning { try await time.eventually { source.rejectedCount == 1 } }
            #expect(calls.value == 4)
            #expect(poison.records.isEmpty)
            #expect(meters.value("sluice_retries_exhausted_total", ["reason": "budget"]) == 1)
            for name in ["sluice_retry_budget_remaining_ratio", "sluice_destination_budget_remaining_ratio"] {
                #expect(try #require(meters.value(name)) < 0.01)
            }
        }
    }

    @Test func endsItsWaitWhenItIsCancelled() async throws {
        try await VirtualTime.run { time in
            let waiting = Counter()
            var retry = retry(5, backoff: .constant(.seconds(60)))
            retry.onRetry = { _, _ in waiting.add() }
            let chain = try Chain([retry], time: time) { _, _ in throw Broken() }
            let task = time.task { try await chain() }
            try await time.eventually { waiting.value == 1 }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
        }
    }
}
