import Sluice
import SluicePrometheus
import SluiceTesting
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(10)))
struct TimeoutTests {
    @Test func cancelsAnAttemptThatTakesTooLong() async throws {
        try await VirtualTime.run { time in
            let gate = Gate()
            let chain = try Chain([Timeout(.milliseconds(5))], time: time) { _, _ in
                try await gate.wait()
                return []
            }
            let error = await #expect(throws: TimeoutError.self) { try await chain() }
            #expect(error?.deadline == .milliseconds(5) && time.now.offset == .milliseconds(5))
            #expect(gate.waiting == 0)
        }
    }

    @Test func retryOutsideOfItStartsAfreshAndNeverBesideIt() async throws {
        try await VirtualTime.run { time in
            let gate = Gate()
            let running = Atomic<Int>(0)
            let most = Atomic<Int>(0)
            var retry = Retry(maxAttempts: 4)
            retry.backoff = .constant(.zero)
            let meters = Meters()
            let chain = try Chain([retry, Timeout(.milliseconds(3))], meters: meters, time: time) { message, context in
                most.max(running.wrappingAdd(1, ordering: .relaxed).newValue, ordering: .relaxed)
                defer { running.wrappingSubtract(1, ordering: .relaxed) }
                if context.attempt < 3 {
                    // Ends a little after its cancellation, as work that tidies up does.
                    try? await gate.wait()
                    _ = try? await time.task { try await time.sleep(for: .seconds(1)) }.value
                    try Task.checkCancellation()
                }
                return [message]
            }
            let context = chain.context(.numbered(0))
            #expect(try await chain(.numbered(0), context).count == 1)
            #expect(context.attempts == 3)
            #expect(most.load(ordering: .relaxed) == 1 && time.now.offset == .milliseconds(2_006))
            #expect(meters.value("sluice_retries_total", ["reason": "timeout"]) == 2)
        }
    }

    @Test func aLateSuccessIsASuccess() async throws {
        try await VirtualTime.run { time in
            let gate = Gate()
            let chain = try Chain([Timeout(.milliseconds(2))], time: time) { message, _ in
                try? await gate.wait()
                return [message]
            }
            #expect(try await chain().count == 1)
        }
    }

    @Test func passesOnWhatFailsInTime() async throws {
        let chain = try Chain([Timeout()]) { _, _ in
            await Task.yield()
            throw Broken()
        }
        await #expect(throws: Broken.self) { try await chain() }
    }

    @Test func passesOnItsOwnCancellation() async throws {
        try await VirtualTime.run { time in
            let gate = Gate()
            let chain = try Chain([Timeout()], time: time) { _, _ in
                try await gate.wait()
                return []
            }
            let task = time.task { try await chain() }
            try await time.eventually { gate.waiting == 1 }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
        }
    }

    @Test func doesNotDelayAHandlerThatNeverWaits() async throws {
        let chain = try Chain([Timeout()]) { message, _ in [message] }
        let done = Counter()
        let task = Task.immediate {
            try await chain()
            done.add()
        }
        // Nothing was waited for, so it is done before this line.
        #expect(done.value == 1)
        try await task.value
    }

    /// A timed-out attempt failed; nothing interrupted it.
    @Test func countsAnAttemptThatRanOutOfTimeAsFailed() async throws {
        try await VirtualTime.run { time in
            let source = Source([.numbered(0)], time: time)
            let meters = Meters()
            let gate = Gate()
            var retry = Retry()
            retry.backoff = .constant(.zero)
            let router = Router.quick([retry, Timeout(.milliseconds(5)), HandlerMetrics()], meters: meters, time: time)
            try router.add(
                Route("r", from: source, "in") { _, context in
                    if context.attempt == 1 { try await gate.wait() }
                })
            try await router.whileRunning { try await time.eventually { source.acknowledgedCount == 1 } }
            let now = meters.exposition()
            #expect(now.value("sluice_handler_attempt_duration_seconds_count", ["result": "failure"]) == 1)
            #expect(now.value("handler_execution_time_seconds_count", ["success": "false"]) == 1)
            #expect(now.value("sluice_handler_attempt_duration_seconds_count", ["result": "success"]) == 1)
        }
    }

    @Test func retryInsideOfItEndsWithTheDeadline() async throws {
        try await VirtualTime.run { time in
            let gate = Gate()
            let calls = Counter()
            var retry = Retry(maxAttempts: 100)
            retry.backoff = .constant(.zero)
            let chain = try Chain([Timeout(.milliseconds(5)), retry], time: time) { _, _ in
                calls.add()
                try await gate.wait()
                return []
            }
            await #expect(throws: TimeoutError.self) { try await chain() }
            #expect(calls.value == 1)
        }
    }
}
