import Logging
import Sluice
import SluiceTesting
import Testing

/// What a middleware of one's own needs to try again, and what Retry's predicate does.
@Suite(.timeLimit(.minutes(10)))
struct OwnRetryTests {
    private struct WarehouseBusy: Error {}
    private struct OutOfStock: Error {}

    /// Two attempts, a second apart.
    private struct TryTwice: Middleware {
        func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler {
            route.noteRetry()
            @Sendable func attempt(_ message: Message, _ context: HandlerContext) async throws -> [Message] {
                do {
                    return try await next(message, context)
                } catch {
                    guard context.attempt < 2 else {
                        context.noteExhausted(error)
                        throw error
                    }
                    return try await context.retry(after: .seconds(1), because: error) {
                        try await attempt(message, $0)
                    }
                }
            }
            return attempt
        }
    }

    private struct GivesNothingUp: Middleware {
        func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler {
            route.noteRetry()
            return next
        }
    }

    private func probe(
        _ answers: [Answer], through middlewares: [any Middleware] = [TryTwice()], output: RecordingPublisher = .init(),
        configuration: Router.Configuration = RouteProbe.configuration
    ) throws -> RouteProbe {
        let script = AnswerScript(answers)
        return try RouteProbe(
            { message, context in
                try await script.answer(in: context.route.time)
                return [Message(text: "\(context.attempt)")]
            }, through: middlewares, output: output, configuration: configuration)
    }

    @Test func aRetryOfOnesOwnCountsTheAttemptAndBooksTheWait() async throws {
        let out = try await probe([.fail(WarehouseBusy())]).send(Message(text: "x"))
        #expect(out.outcome == .acked && out.produced.map(\.text) == ["2"])
        #expect(out.waits == [.seconds(1)] && out.time(in: .backoff) == .seconds(1))
        #expect(out.metrics.value("sluice_retries_total", ["reason": "WarehouseBusy"]) == 1)
        #expect(out.metrics.observations("sluice_retry_backoff_seconds") == [1])
    }

    /// A message that is delivered again after its attempts gets one attempt each time, as under Retry.
    @Test func attemptsGoOnOverRedeliveries() async throws {
        let attempts = Journal<Int>()
        let probe = try RouteProbe(
            { _, context in
                attempts.add(context.attempt)
                throw WarehouseBusy()
            }, through: [TryTwice()])
        let out = try await probe.send(Message(text: "x"), redeliveries: 2)
        #expect(out.outcome != .acked)
        #expect(attempts.entries == [1, 2, 3, 4])
    }

    @Test func aPoisonQueueWaitsForItToGiveUp() async throws {
        let output = RecordingPublisher()
        let poison = PoisonQueue(to: output, "poison")
        let twice = try probe(
            [.fail(WarehouseBusy()), .fail(WarehouseBusy())], through: [poison, TryTwice()], output: output)
        let used = try await twice.send(Message(text: "x"))
        #expect(used.outcome == .poisoned && used.attempts.count == 2)
        #expect(used.metrics.value("sluice_retries_exhausted_total", ["reason": "WarehouseBusy"]) == 1)
        #expect(output.messages(to: "poison").count == 1)
        // One that has not given up: the message is delivered again, and not moved.
        let asking = try probe(
            [.fail(WarehouseBusy())], through: [poison, GivesNothingUp()], output: output)
        let rejected = try await asking.send(Message(text: "x"))
        #expect(rejected.outcome.isRejected && output.messages(to: "poison").count == 1)
        // Where nothing tries again, the first failure is the last.
        let none = try probe([.fail(WarehouseBusy())], through: [poison], output: output)
        #expect(try await none.send(Message(text: "x")).outcome == .poisoned)
    }

    @Test func itKeepsTheTimeThatADestinationNames() async throws {
        let out = try await probe([.throttled(after: .seconds(20))]).send(Message(text: "x"))
        #expect(out.outcome == .acked && out.waits == [.seconds(20)] && out.produced.map(\.text) == ["1"])
        let held = try await probe([.hold("revoked", for: .seconds(90))]).send(Message(text: "x"))
        #expect(held.outcome == .acked && held.waits == [.seconds(90)])
        #expect(held.metrics.value("sluice_retries_total") == 0)
    }

    @Test func itDoesNotTryWhatCannotHelpNorWhatTheBudgetForbids() async throws {
        let out = try await probe([.poison("no order")]).send(Message(text: "x"))
        #expect(out.attempts.count == 1 && out.outcome.isRejected)
        var configuration = RouteProbe.configuration
        configuration.destination.budget = RetryBudget(ratio: 0, window: .seconds(1), floor: 0.000_001)
        let poor = try probe(Array(repeating: .fail(WarehouseBusy()), count: 9), configuration: configuration)
        // The budget of one is used up by the first message.
        #expect(try await poor.send(Message(text: "x")).attempts.count == 2)
        let second = try await poor.send(Message(text: "x"))
        #expect(second.attempts.count == 1 && second.error is WarehouseBusy)
        #expect(second.metrics.value("sluice_retries_exhausted_total", ["reason": "budget"]) == 1)
    }

    @Test func retryIsOneExpressionAndTriesOnlyWhatItIsTold() async throws {
        let retry = Retry(
            maxAttempts: 3, backoff: .constant(.milliseconds(200)), when: { $0 is WarehouseBusy })
        let busy = try await probe([.fail(WarehouseBusy()), .fail(WarehouseBusy())], through: [retry])
            .send(Message(text: "x"))
        #expect(busy.outcome == .acked && busy.waits == [.milliseconds(200), .milliseconds(200)])
        let output = RecordingPublisher()
        let poison = PoisonQueue(to: output, "poison")
        let empty = try await probe([.fail(OutOfStock())], through: [poison, retry], output: output)
            .send(Message(text: "x"))
        #expect(empty.outcome == .poisoned && empty.attempts.count == 1)
        // A destination that asks to slow down is no fault of the message.
        let slow = try await probe([.throttled(after: .seconds(1))], through: [poison, retry], output: output)
            .send(Message(text: "x"))
        #expect(slow.outcome == .rejected(after: .seconds(1)) && slow.attempts.count == 1)
    }

    @Test func backoffDispositionAndStagesCanBeAskedFor() async throws {
        let probe = try probe([])
        #expect(Backoff.constant(.seconds(3)).delay(beforeRetry: 9, by: probe.time) == .seconds(3))
        #expect(throws: ConfigurationError.self) {
            try Backoff.exponential(from: .seconds(2), upTo: .seconds(1)).validate("Mine.backoff")
        }
        let error = HandlerError("x", reason: "x", disposition: .throttled(after: .seconds(5)))
        #expect(Disposition(of: error).kind == .throttled(after: .seconds(5)) && Disposition(of: error).isThrottled)
        let waiting = try RouteProbe({ _, context in
            try await context.wait(for: .seconds(2), booking: .throttle)
            try await context.wait(for: .seconds(3), booking: .breaker)
            return []
        })
        let out = try await waiting.send(Message(text: "x"))
        #expect(out.time(in: .throttle) == .seconds(2) && out.time(in: .breaker) == .seconds(3))
    }

    private struct Slow: Middleware {
        func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler { next }
    }

    private func poison(_ filter: PoisonQueue.Filter = .exhausted) -> PoisonQueue {
        PoisonQueue(to: RecordingPublisher(), "poison", filter: filter)
    }

    /// It would wait inside for what happens outside: in the route's list or the router's, around any middleware that retries.
    @Test func aPoisonQueueThatWaitsInsideOfWhatTriesAgainIsRefused() throws {
        let wrong: [(router: [any Middleware], route: [any Middleware])] = [
            ([], [Retry(), poison()]), ([Retry()], [poison()]), ([TryTwice(), Slow(), poison()], []),
            ([GivesNothingUp()], [Timeout(), poison()]), ([poison(), Retry(), poison()], []),
            ([poison(.permanent), Retry(), poison()], []),
        ]
        for (index, lists) in wrong.enumerated() {
            let router = Router(middlewares: lists.router, logger: .silent)
            let route = Route("orders", from: Source(), "in", middlewares: lists.route) { _, _ in }
            let error = #expect(throws: ConfigurationError.self, "\(index)") { try router.add(route) }
            #expect(error?.field == "Route.middlewares" && error?.expected.contains("orders") == true)
            #expect(throws: ConfigurationError.self, "\(index)") { try RouteProbe(route, through: lists.router) }
        }
    }

    @Test func otherOrdersAreLegal() throws {
        let right: [[any Middleware]] = [
            [poison(), Retry()], [poison()], [Retry(), poison(.permanent)], [Retry(), poison(.custom { _ in false })],
            [poison(), Retry(), poison(.permanent)],
            // It waits for the one inside.
            [Retry(), poison(), Retry()],
        ]
        for middlewares in right { _ = try RouteProbe(consuming: { _, _ in }, through: middlewares) }
    }

    @Test func whatCanNeverSucceedIsPoisonedInsideOfARetryWithoutAnotherAttempt() async throws {
        let output = RecordingPublisher()
        let probe = try RouteProbe(
            { _, _ in throw HandlerError("no", reason: "no", disposition: .poison("no")) },
            through: [Retry(), PoisonQueue(to: output, "poison", filter: .permanent)], output: output)
        let out = try await probe.send(Message(text: "x"))
        #expect(out.outcome == .poisoned && out.attempts.count == 1)
        #expect(out.published.map(\.topic) == ["poison"])
    }
}
