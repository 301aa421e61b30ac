import Sluice
import SluiceTesting
import Testing

@Suite(.timeLimit(.minutes(10)))
struct DuplicatorTests {
    private struct Broken: Error {}

    @Test func eachMessageIsHandledTwiceAndWhatBothReturnIsPublished() async throws {
        let probe = try RouteProbe({ message, _ in [message] }, through: [Duplicator()])
        let out = try await probe.send(Message(text: "x"))
        #expect(out.outcome == .acked && out.attempts.count == 2)
        #expect(out.published.map(\.message.text) == ["x", "x"])
        #expect(try await probe.call(Message(text: "y")).map(\.text) == ["y", "y"])
    }

    @Test func aFailureOfEitherFailsTheMessage() async throws {
        for (script, published) in [([Answer.fail(Broken())], 0), ([.succeed, .fail(Broken())], 1)] {
            let answers = AnswerScript(script)
            let probe = try RouteProbe(
                { message, context in
                    try await answers.answer(in: context.route.time)
                    return [message]
                }, through: [Duplicator()])
            let out = try await probe.send(Message(text: "x"))
            #expect(out.outcome.isRejected && out.published.count == published)
        }
    }

    /// What it is for: a handler that books twice is found out, and one behind a store of handled keys is not touched.
    @Test func aHandlerThatCannotTakeItIsFoundOut() async throws {
        try await VirtualTime.run { time in
            for isIdempotent in [false, true] {
                let booked = RecordingPublisher()
                let store = MemoryDeduplicationStore(time: time)
                let inside: [any Middleware] = isIdempotent ? [Deduplicator(store)] : []
                let probe = try RouteProbe(
                    { message, _ in [message] }, through: [Duplicator()] + inside, output: booked, time: time)
                try await probe.call(Message(text: "order 7"))
                #expect(booked.records.count == (isIdempotent ? 1 : 2))
            }
        }
    }

    /// Both times are one attempt of Retry's.
    @Test func retryAroundItTriesBothAgain() async throws {
        let answers: AnswerScript = [.succeed, .fail(Broken())]
        let probe = try RouteProbe(
            { message, context in
                try await answers.answer(in: context.route.time)
                return [message]
            }, through: [Retry(backoff: .constant(.seconds(1))), Duplicator()])
        let out = try await probe.send(Message(text: "x"))
        #expect(out.outcome == .acked && out.attempts.map(\.number) == [1, 1, 2, 2])
        #expect(out.published.count == 3)
    }
}
