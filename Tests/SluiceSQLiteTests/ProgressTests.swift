import Logging
import Sluice
import SluiceTesting
import Synchronization
import Testing

@testable import SluiceSQLite

/// Messages that wait for their next attempt go on from where they were after a restart.
@Suite(.timeLimit(.minutes(10))) struct ProgressTests {
    private struct Broken: Error {}

    private struct Attempt: Sendable {
        let text: String
        let number: Int
        let at: Timestamp
    }

    /// What was attempted, over all runs.
    private final class Attempts: Sendable {
        private let state = Mutex<[Attempt]>([])

        var all: [Attempt] { state.withLock(\.self) }

        func add(_ attempt: Attempt) { state.withLock { $0.append(attempt) } }
    }

    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// Runs a route until the attempts so far are enough.
    /// - Parameter handler: is told how many attempts there were in all.
    private func run(
        _ ordering: Ordering, _ retry: Retry, _ attempts: Attempts,
        _ handler: @escaping @Sendable (Message, HandlerContext) throws -> Void,
        until isEnough: @escaping @Sendable ([Attempt]) throws -> Bool
    ) async throws {
        let log = try directory.open()
        let router = Router(logger: Logger(label: "silent") { _ in SwiftLogNoOpLogHandler() })
        try router.add(
            Route("r", from: log.subscriber(group: "g"), "t", ordering: ordering, middlewares: [retry]) {
                message, context in
                attempts.add(Attempt(text: message.text, number: context.attempt, at: .now()))
                try handler(message, context)
            })
        let running = Task { try await router.run() }
        try await SluiceTesting.eventually { try isEnough(attempts.all) }
        router.drain()
        try await running.value
        await log.close()
    }

    private func rows() throws -> String { try shell("sqlite3 '\(directory.log)' 'SELECT count(*) FROM progress'") }

    @Test(arguments: [Ordering.serial, .perKey(lanes: 2, by: .id), .unordered(limit: 2)])
    func anAttemptIsMadeAtItsTimeWithItsNumberAfterARestart(_ ordering: Ordering) async throws {
        let log = try directory.open()
        try await log.publisher().publish([message("bad"), message("good")], to: "t")
        await log.close()
        let retry = Retry(
            maxAttempts: 5, backoff: .constant(.seconds(8)), maxElapsed: nil, handBackAfter: .zero)
        let attempts = Attempts()
        let isSerial = ordering.concurrency == 1
        try await run(ordering, retry, attempts) { message, _ in
            if message.text == "bad" { throw Broken() }
        } until: {
            // An attempt that fails while the route drains is none, and would be made again at once.
            try $0.count >= (isSerial ? 1 : 2) && rows() == "1"
        }
        // Again, and nothing is attempted before its time; in order nothing else is either.
        try await run(ordering, retry, attempts) { _, _ in
        } until: {
            $0.count == 3
        }
        let all = attempts.all
        let bad = all.filter { $0.text == "bad" }
        #expect(bad.map(\.number) == [1, 2])
        let wait = bad[1].at.milliseconds(since: bad[0].at)
        #expect(wait >= 8_000, "\(wait) ms")
        #expect(all.map(\.text) == (isSerial ? ["bad", "bad", "good"] : ["bad", "good", "bad"]) || !isSerial)
        #expect(try rows() == "0")
    }

    /// Has the route drain when an attempt has failed, and before the route knows of it.
    private struct DrainAfterFailure: Middleware {
        let router: Router

        func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler {
            { message, context in
                do {
                    return try await next(message, context)
                } catch {
                    router.drain()
                    throw error
                }
            }
        }
    }

    @Test func aWaitThatBeginsWithTheDrainIsKeptOverTheRestart() async throws {
        let log = try directory.open()
        try await log.publisher().publish([message("bad")], to: "t")
        let router = Router(logger: Logger(label: "silent") { _ in SwiftLogNoOpLogHandler() })
        let retry = Retry(backoff: .constant(.seconds(8)), maxElapsed: nil, handBackAfter: .zero)
        let attempts = Attempts()
        try router.add(
            Route(
                "r", from: log.subscriber(group: "g"), "t", ordering: .serial,
                middlewares: [DrainAfterFailure(router: router), retry]
            ) { message, context in
                attempts.add(Attempt(text: message.text, number: context.attempt, at: .now()))
                throw Broken()
            })
        try await router.run()
        await log.close()
        try await run(.serial, retry, attempts) { _, _ in
        } until: {
            $0.count == 2
        }
        let all = attempts.all
        #expect(all.map(\.number) == [1, 2])
        let wait = all[1].at.milliseconds(since: all[0].at)
        #expect(wait >= 8_000, "\(wait) ms")
    }

    /// Nearly all that the group may have in flight rests in a route without an order: the rest of the log is read on, one
    /// message after the other, and a change of the policy reaches what rests.
    @Test func whatRestsInARouteHoldsNothingUpAndGoesByAChange() async throws {
        let log = try directory.open()
        let messages = (0..<9).map { message("bad \($0)") } + (0..<200).map { message("good \($0)") }
        try await log.publisher().publish(messages, to: "t")
        let retry = Live(Retry(backoff: .constant(.seconds(3_600)), maxElapsed: nil, handBackAfter: .zero))
        let attempts = Attempts()
        let router = Router(logger: Logger(label: "silent") { _ in SwiftLogNoOpLogHandler() })
        let subscriber = try log.subscriber(group: "g", configuration: .init(capacity: 10, maxInFlight: 10))
        try router.add(
            Route("r", from: subscriber, "t", ordering: .unordered(limit: 4), middlewares: [retry]) {
                message, context in
                attempts.add(Attempt(text: message.text, number: context.attempt, at: .now()))
                if message.text.hasPrefix("bad"), context.attempt == 1 { throw Broken() }
            })
        let running = Task { try await router.run() }
        try await SluiceTesting.eventually { attempts.all.count == 209 }
        try retry.update { $0.backoff = .constant(.milliseconds(1)) }
        try await SluiceTesting.eventually(within: .seconds(2)) { attempts.all.count == 218 }
        router.drain()
        try await running.value
        await log.close()
        #expect(try rows() == "0")
    }

    /// Also what has used up its attempts, and gets one at each redelivery, is not new after a restart.
    @Test func attemptsThatAreUsedUpStayUsedUp() async throws {
        let log = try directory.open()
        try await log.publisher().publish([message("bad")], to: "t")
        await log.close()
        let retry = Retry(maxAttempts: 3, backoff: .constant(.milliseconds(10)))
        let attempts = Attempts()
        let calls = Mutex(0)
        try await run(.serial, retry, attempts) { _, _ in
            throw Broken()
        } until: {
            $0.count >= 3
        }
        try await run(.serial, retry, attempts) { _, context in
            calls.withLock { $0 = context.attempts }
            throw Broken()
        } until: { _ in
            // The first run may have made a fourth attempt before it ended.
            calls.withLock(\.self) > 0
        }
        #expect(attempts.all.map(\.number).prefix(4) == [1, 2, 3, 4])
        #expect(calls.withLock(\.self) >= 4)
    }

    /// Runs until the first message has failed once and has been handed back, with its progress in the file.
    private func failOnce(_ attempts: Attempts) async throws -> Retry {
        let retry = Retry(backoff: .constant(.seconds(3_600)), maxElapsed: nil, handBackAfter: .zero)
        try await run(.serial, retry, attempts) { _, _ in
            throw Broken()
        } until: {
            $0.count == 1
        }
        #expect(try rows() == "1")
        return retry
    }

    @Test func whoMovesAGroupForgetsHowFarItsMessagesHadCome() async throws {
        var log = try directory.open()
        try await log.publisher().publish([message("bad")], to: "t")
        await log.close()
        let attempts = Attempts()
        let retry = try await failOnce(attempts)
        log = try directory.open()
        try await log.seek(group: "g", topic: "t", to: .beginning)
        await log.close()
        #expect(try rows() == "0")
        try await run(.serial, retry, attempts) { _, _ in
        } until: {
            $0.count == 2
        }
        #expect(attempts.all.map(\.number) == [1, 1])
    }

    /// A program of an earlier schema that has the file open settles messages and knows nothing of this table.
    @Test func whatWasSettledElsewhereIsForgotten() async throws {
        let log = try directory.open()
        try await log.publisher().publish([message("bad"), message("other")], to: "t")
        await log.close()
        let attempts = Attempts()
        let retry = try await failOnce(attempts)
        try shell("sqlite3 '\(directory.log)' 'UPDATE groups SET settled_through = 1'")
        try await run(.serial, retry, attempts) { _, _ in
        } until: {
            $0.count == 2
        }
        #expect(attempts.all.map(\.text) == ["bad", "other"])
        #expect(try rows() == "0")
    }

    /// What is written while it changes again is written again.
    @Test func aChangeThatComesWhileOneIsWrittenIsNotForgotten() {
        func progress(_ attempts: Int) -> Delivery.Progress {
            .init(
                attempts: attempts, failedAttempts: attempts, throttledAnswers: 0,
                firstFailure: Timestamp(millisecondsSince1970: 1), due: Timestamp(millisecondsSince1970: 2),
                wait: .milliseconds(1))
        }
        var ledger = ProgressLedger([7: progress(1)])
        #expect(ledger.changes.isEmpty)
        ledger.note(7, progress(2))
        ledger.note(8, progress(1))
        let written = ledger.changes
        #expect(written.map(\.offset) == [7, 8] && written.allSatisfy { $0.progress != nil })
        ledger.note(7, progress(3))
        ledger.forget(8)
        ledger.confirm(written)
        let again = ledger.changes
        #expect(again.map(\.offset) == [7, 8])
        #expect(again.first?.progress == progress(3) && again.last?.progress == nil)
        ledger.confirm(again)
        #expect(ledger.changes.isEmpty && Set(ledger.entries.keys) == [7])
        let isKnown = ledger.forget(8)
        #expect(!isKnown)
        ledger.forget(in: 1...7)
        #expect(ledger.isEmpty && ledger.changes.map(\.offset) == [7])
    }
}
