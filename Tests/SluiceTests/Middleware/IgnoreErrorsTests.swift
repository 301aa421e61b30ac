import Sluice
import SluiceTesting
import Testing

@Suite(.timeLimit(.minutes(10)))
struct IgnoreErrorsTests {
    private struct Booked: Error {}
    private struct Gone: Error {}
    private struct Other: Error {}

    private func send(
        _ answers: [Answer], through middlewares: [any Middleware], redelivery: Subscription.Redelivery = .route
    ) async throws -> RouteProbe.Report {
        let script = AnswerScript(answers)
        return try await RouteProbe(
            { message, context in
                try await script.answer(in: context.route.time)
                return [message]
            }, through: middlewares, redelivery: redelivery
        ).send(Message(text: "x"))
    }

    @Test(arguments: [
        IgnoreErrors(Booked.self, Gone.self), IgnoreErrors { $0 is Booked || $0 is Gone },
        IgnoreErrors(reasons: "Booked", "Gone"),
    ])
    func ignoresWhatItIsTold(_ ignoring: IgnoreErrors) async throws {
        for error in [Booked(), Gone()] as [any Error] {
            let out = try await send([.fail(error)], through: [ignoring])
            #expect(out.outcome == .discarded && out.attempts.count == 1 && out.published.isEmpty)
            #expect(
                out.metrics.value("sluice_ignored_errors_total", ["reason": Disposition.reason(of: error)]) == 1)
        }
        let other = try await send([.fail(Other())], through: [ignoring])
        #expect(other.outcome.isRejected && other.error is Other)
        #expect(other.metrics.value("sluice_ignored_errors_total") == 0)
        let fine = try await send([], through: [ignoring])
        #expect(fine.outcome == .acked && fine.published.count == 1)
    }

    /// Whatever is listed: the destination is at fault or busy, and the message waits.
    @Test(arguments: [
        Answer.hold("revoked"), .throttled(after: .seconds(5)), .throttled(), .status(503, retryAfter: .seconds(5)),
        .fail(CancellationError()), .fail(RevokedError()),
    ])
    func neverIgnoresWhatIsNoFaultOfTheMessage(_ answer: Answer) async throws {
        let out = try await send([answer], through: [IgnoreErrors { _ in true }])
        #expect(out.outcome != .acked && out.outcome != .discarded)
        #expect(out.metrics.value("sluice_ignored_errors_total") == 0)
    }

    @Test func aShutdownIsNeverIgnored() async throws {
        try await VirtualTime.run { time in
            let metrics = MetricsRecorder()
            let router = Router(
                configuration: .init(shutdownTimeout: .seconds(1)), middlewares: [IgnoreErrors { _ in true }],
                instruments: metrics.instruments, time: time)
            let broker = MemoryBroker(time: time)
            try router.add(
                Route("r", from: broker.subscriber(group: "g"), "in") { _, _ in
                    do { try await time.sleep(for: .seconds(3_600)) } catch { throw Other() }
                })
            let running = time.task { try await router.run() }
            try await time.eventually { router.status.allSatisfy(\.isRunning) }
            try await broker.publisher().publish([Message(text: "x")], to: "in")
            try await time.eventually { metrics.read().value("sluice_deliveries_in_flight") == 1 }
            router.drain()
            try? await running.value
            #expect(metrics.read().value("sluice_deliveries_total", ["outcome": "rejected"]) == 1)
            #expect(metrics.read().value("sluice_ignored_errors_total") == 0)
        }
    }

    @Test func insideOfRetryTheFirstOneIsIgnoredAndOutsideWhatIsGivenUp() async throws {
        let (ignoring, retry) = (IgnoreErrors(Booked.self), Retry(maxAttempts: 3))
        let inside = try await send([.fail(Booked())], through: [retry, ignoring])
        #expect(inside.outcome == .discarded && inside.attempts.count == 1)
        let outside = try await send(Array(repeating: .fail(Booked()), count: 3), through: [ignoring, retry])
        #expect(outside.outcome == .discarded && outside.attempts.count == 3)
    }

    /// An error that names the message as the culprit may be ignored: it is not moved then.
    @Test func whatWouldBePoisonedMayBeIgnored() async throws {
        let output = RecordingPublisher()
        let out = try await send(
            [.poison("no order")],
            through: [PoisonQueue(to: output, "poison"), IgnoreErrors(reasons: "refused")])
        #expect(out.outcome == .discarded && output.records.isEmpty)
    }
}
