import Sluice
import SluiceTesting
import Testing

@Suite(.timeLimit(.minutes(10)))
struct RandomFailTests {
    private func outcomes(_ middleware: RandomFail, seed: UInt64, count: Int = 400) async throws -> (
        outcomes: [Bool], handled: Int, counted: Double?
    ) {
        let probe = try RouteProbe({ message, _ in [message] }, through: [middleware], seed: seed)
        var outcomes: [Bool] = []
        for number in 0..<count { outcomes.append(try await probe.send(Message(text: "\(number)")).outcome == .acked) }
        return (outcomes, probe.output.records.count, probe.metrics.read().value("sluice_random_failures_total"))
    }

    @Test func failsAboutTheShareAndASeedRepeatsWhich() async throws {
        let first = try await outcomes(RandomFail(0.25), seed: 3)
        let failures = first.outcomes.count { !$0 }
        #expect((70...130).contains(failures) && first.counted == Double(failures))
        // What fails before the handler is not handled.
        #expect(first.handled == 400 - failures)
        #expect(try await outcomes(RandomFail(0.25), seed: 3).outcomes == first.outcomes)
        #expect(try await outcomes(RandomFail(0.25), seed: 4).outcomes != first.outcomes)
    }

    @Test func afterTheHandlerItsWorkIsDone() async throws {
        let result = try await outcomes(RandomFail(0.25, .afterHandler), seed: 3)
        #expect(result.outcomes.contains(false) && result.handled == 400)
    }

    @Test func noneAndAll() async throws {
        #expect(try await outcomes(RandomFail(0), seed: 1, count: 100).outcomes.allSatisfy { $0 })
        #expect(try await outcomes(RandomFail(1), seed: 1, count: 100).outcomes.allSatisfy { !$0 })
    }

    /// It asks for what a real failure would, and passes on what the handler throws.
    @Test func asksForWhatItIsTold() async throws {
        struct Broken: Error {}
        let throttled = RandomFail(1, disposition: .throttled(after: .seconds(30)))
        let probe = try RouteProbe({ message, _ in [message] }, through: [throttled])
        #expect(try await probe.send(Message(text: "x")).outcome == .rejected(after: .seconds(30)))
        let broken = try RouteProbe({ _, _ in throw Broken() }, through: [RandomFail(1, .afterHandler)])
        let out = try await broken.send(Message(text: "x"))
        #expect(out.error is Broken && out.metrics.value("sluice_random_failures_total") == 0)
    }

    /// A route that can take it delivers everything.
    @Test func retryAroundItDeliversEverything() async throws {
        let probe = try RouteProbe(
            { message, _ in [message] }, through: [Retry(maxAttempts: 50, maxElapsed: nil), RandomFail(0.5)], seed: 8)
        for number in 0..<50 {
            #expect(try await probe.send(Message(text: "\(number)"), redeliveries: 50).outcome == .acked)
        }
        #expect(probe.output.records.count == 50)
        #expect(probe.metrics.read().value("sluice_retries_total", ["reason": "random_fail"]) ?? 0 > 20)
    }
}
