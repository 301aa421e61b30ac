import SluiceTesting
import Testing

@testable import Sluice

/// A schedule in the place of attempts and backoff, and what exhaustion does.
@Suite(.timeLimit(.minutes(5)))
struct RetryPolicyTests {
    @Test func aScheduleSaysEachWaitAndHowMany() async throws {
        try await VirtualTime.run { time in
            let times = Journal<Duration>()
            let meters = Meters()
            // What it stands in the place of counts for nothing.
            let retry = Retry(
                maxAttempts: 1, backoff: .constant(.seconds(999)), maxElapsed: .seconds(1),
                schedule: [.seconds(5), .seconds(300), .seconds(1_800), .seconds(7_200)])
            let chain = try Chain([retry], meters: meters, time: time) { _, _ in
                times.add(time.now.offset)
                throw Broken()
            }
            let context = chain.context(.numbered(0))
            await #expect(throws: Broken.self) { try await chain(.numbered(0), context) }
            #expect(times.entries == [0, 5, 305, 2_105, 9_305].map { .seconds($0) })
            #expect(context.isExhausted)
            _ = meters.exposition()
            #expect(meters.value("sluice_retry_max_attempts") == 5)
        }
    }

    /// A poison queue that takes only what can never succeed takes what has used up its attempts, where the policy says so.
    @Test(arguments: Retry.Exhaustion.allCases)
    func exhaustionPoisonsWhereThePolicySaysSo(_ exhaustion: Retry.Exhaustion) async throws {
        try await VirtualTime.run { time in
            let poison = RecordingPublisher()
            let chain = try Chain(
                [
                    PoisonQueue(to: poison, "poison", filter: .permanent),
                    Retry(maxAttempts: 3, backoff: .constant(.seconds(1)), exhaustion: exhaustion),
                ], time: time
            ) { _, _ in throw HandlerError("no", reason: "http_500", disposition: .retry()) }
            let context = chain.context(.numbered(7))
            switch exhaustion {
            case .redeliver:
                await #expect(throws: HandlerError.self) { try await chain(.numbered(7), context) }
                #expect(poison.records.isEmpty)
            case .poison:
                try await chain(.numbered(7), context)
                #expect(context.outcome == .poisoned && poison.records.count == 1)
                let metadata = try #require(poison.records.first?.message.metadata)
                #expect("\(metadata)".contains("attempts are used up"))
            }
        }
    }

    /// The destination's fault is never the message's: only attempts that failed use a message up.
    @Test func answersThatAskToSlowDownNeverExhaust() async throws {
        try await VirtualTime.run { time in
            let calls = Counter()
            let chain = try Chain([Retry(maxAttempts: 2, maxElapsed: nil, exhaustion: .poison)], time: time) { _, _ in
                calls.add()
                if calls.value < 50 { throw SlowDown() }
                return []
            }
            let context = chain.context(.numbered(0))
            try await chain(.numbered(0), context)
            #expect(calls.value == 50 && !context.isExhausted)
        }
    }
}
