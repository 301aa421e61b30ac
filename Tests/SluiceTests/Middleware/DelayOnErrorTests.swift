import Sluice
import SluiceTesting
import Testing

@Suite(.timeLimit(.minutes(10)))
struct DelayOnErrorTests {
    private struct Closed: Error {}
    private struct Busy: Error {}

    private static let doubling = Backoff.exponential(from: .seconds(60), upTo: .seconds(300), jitter: false)

    private func probe(
        _ answers: [Answer], through middlewares: [any Middleware] = [DelayOnError(doubling)],
        redelivery: Subscription.Redelivery = .route, seed: UInt64 = 0
    ) throws -> RouteProbe {
        let script = AnswerScript(answers)
        var configuration = RouteProbe.configuration
        configuration.destination.budget = nil
        return try RouteProbe(
            { _, context in
                try await script.answer(in: context.route.time)
                return []
            }, through: middlewares, redelivery: redelivery, configuration: configuration, seed: seed)
    }

    @Test func aFailedMessageComesBackAfterAWaitThatGrowsToItsBound() async throws {
        let out = try await probe(Array(repeating: .fail(Closed()), count: 5))
            .send(Message(text: "x"), redeliveries: 5)
        #expect(out.outcome == .acked)
        #expect(out.waits == [60, 120, 240, 300, 300].map { .seconds($0) })
        #expect(out.time(in: .backoff) == .seconds(1_020))
        #expect(out.metrics.observations("sluice_redelivery_delay_seconds") == [60, 120, 240, 300, 300])
    }

    /// What a broker delivers again goes on from there.
    @Test func aSourceIsGivenTheDelayAndItsCountGoesOn() async throws {
        let probe = try probe(Array(repeating: .fail(Closed()), count: 3), redelivery: .source)
        for (attempt, delay) in [(1, 60), (2, 120), (9, 300)] {
            let out = try await probe.send(Message(text: "x"), origin: .init(attempt: attempt))
            #expect(out.outcome == .rejected(after: .seconds(delay)))
        }
    }

    @Test func itsJitterIsBelowTheBoundAndASeedRepeatsIt() async throws {
        let backoff = Backoff.exponential(from: .seconds(60), upTo: .seconds(300))
        func waits(_ seed: UInt64) async throws -> [Duration] {
            try await probe(
                Array(repeating: .fail(Closed()), count: 5), through: [DelayOnError(backoff)], seed: seed
            ).send(Message(text: "x"), redeliveries: 5).waits
        }
        let first = try await waits(1)
        #expect(zip(first, [60, 120, 240, 300, 300]).allSatisfy { $0 <= .seconds($1) } && Set(first).count == 5)
        #expect(try await waits(1) == first)
        #expect(try await waits(2) != first)
    }

    @Test func aTimeThatTheDestinationNamesAndAHoldOutdoAShorterDelay() async throws {
        let named = try await probe([.throttled(after: .seconds(90))]).send(Message(text: "x"))
        #expect(named.outcome == .rejected(after: .seconds(90)))
        let sooner = try await probe([.throttled(after: .seconds(5))]).send(Message(text: "x"))
        #expect(sooner.outcome == .rejected(after: .seconds(60)))
        let held = try await probe([.hold("revoked", for: .seconds(600))]).send(Message(text: "x"))
        #expect(held.outcome == .rejected(after: .seconds(600)))
    }

    @Test func itConcernsTheErrorsThatItIsToldAndThisMessageAlone() async throws {
        let only = DelayOnError(Self.doubling, when: { $0 is Closed })
        let probe = try probe([.fail(Busy()), .fail(Closed()), .succeed, .fail(Busy())], through: [only])
        // The route's own waits: 100 ms, and after the delay of the second they go on.
        let out = try await probe.send(Message(text: "x"), redeliveries: 2)
        #expect(out.waits == [.milliseconds(100), .seconds(60)])
        // No gate is shut: the next message waits for nothing.
        let next = try await probe.send(Message(text: "y"))
        #expect(next.outcome == .rejected(after: .milliseconds(100)) && next.elapsed < .seconds(1))
    }

    /// Retry's own waits stay; what it gives up is delayed.
    @Test func aroundRetryItDelaysWhatThatGivesUp() async throws {
        let retry = Retry(maxAttempts: 2, backoff: .constant(.seconds(1)))
        let out = try await probe(
            Array(repeating: .fail(Closed()), count: 4), through: [DelayOnError(Self.doubling), retry]
        ).send(Message(text: "x"), redeliveries: 3)
        #expect(out.outcome == .acked)
        #expect(out.waits == [1, 60, 120, 240].map { .seconds($0) })
    }

    @Test func aMiddlewareOfOnesOwnDelaysOneMessage() async throws {
        struct AtNight: Middleware {
            func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler {
                { message, context in
                    do { return try await next(message, context) } catch {
                        context.redeliver(after: .seconds(7))
                        throw error
                    }
                }
            }
        }
        let out = try await probe([.fail(Closed())], through: [AtNight()]).send(Message(text: "x"), redeliveries: 1)
        #expect(out.outcome == .acked && out.waits == [.seconds(7)])
    }
}
