import Glibc
import Sluice
import Synchronization
import Testing

@testable import SluiceTesting

@Suite(.timeLimit(.minutes(10)))
struct VirtualTimeTests {
    @Test func anHourPassesAtOnce() async throws {
        let end = try await VirtualTime.run(startingAt: Timestamp(millisecondsSince1970: 5)) { time in
            #expect(time.now.offset == .zero && time.isVirtual)
            try await time.sleep(for: .seconds(3_600))
            #expect(time.timestamp == Timestamp(millisecondsSince1970: 3_600_005))
            return time.now.offset
        }
        #expect(end == .seconds(3_600))
    }

    @Test func standsStillWhileATaskCanRun() async throws {
        try await VirtualTime.run { time in
            let order = Journal<String>()
            let sleeping = time.task {
                try await time.sleep(for: .nanoseconds(1))
                order.add("slept")
            }
            let busy = time.task {
                for _ in 0..<1_000 {
                    await Task.yield()
                    #expect(time.now.offset == .zero)
                }
                order.add("busy")
            }
            try await sleeping.value
            try await busy.value
            #expect(order.entries == ["busy", "slept"])
        }
    }

    @Test func wakesInTheOrderOfDeadlinesAndThenOfSetting() async throws {
        try await VirtualTime.run { time in
            let woken = Journal<Int>()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<30 {
                    group.addTask {
                        try await time.sleep(for: .seconds(number % 3))
                        #expect(time.now.offset == .seconds(number % 3))
                        woken.add(number)
                    }
                }
                try await group.waitForAll()
            }
            #expect(woken.entries == (0..<3).flatMap { Array(stride(from: $0, to: 30, by: 3)) })
        }
    }

    @Test func callsBackWhenItIsTime() async throws {
        try await VirtualTime.run { time in
            let calls = Journal<Duration>()
            for seconds in [5, 1, 3, 0] { time.after(.seconds(seconds)) { calls.add(time.now.offset) } }
            time.after(.seconds(-1)) { calls.add(time.now.offset) }
            try await time.sleep(for: .seconds(4))
            #expect(calls.entries == [.zero, .zero, .seconds(1), .seconds(3)])
        }
    }

    @Test(arguments: [VirtualTime.Order.asReady, .shuffled])
    func aSeedRepeatsItsTrace(order: VirtualTime.Order) async throws {
        let first = try await trace(7, order)
        #expect(first.count > 200)
        #expect(try await trace(7, order) == first)
        #expect(try await trace(8, order) != first)
        // Whatever else runs beside it.
        try await withThrowingTaskGroup(of: [String].self) { group in
            for _ in 0..<20 { group.addTask { try await trace(7, order) } }
            for try await again in group { #expect(again == first) }
        }
    }

    /// Failures, jitter, keys, a poison queue, timeouts and a throttle.
    private func trace(_ seed: UInt64, _ order: VirtualTime.Order) async throws -> [String] {
        try await VirtualTime.run(seed: seed, order: order) { time in
            let trace = Journal<String>()
            let broker = MemoryBroker(time: time)
            var retry = Retry(maxAttempts: 3)
            retry.onRetry = { event, context in
                trace.add("\(time.now.offset) \(context.route.name) waits \(event.delay)")
            }
            let router = Router.quick(
                [
                    PoisonQueue(to: broker.publisher(), "poison"),
                    Deduplicator(MemoryDeduplicationStore(time: time)), retry, Timeout(.seconds(2)),
                    Throttle(rate: 20),
                ], time: time)
            for (name, ordering) in [("a", Ordering.serial), ("b", .perKey(by: .metadata("key"))), ("c", .unordered())]
            {
                try router.add(
                    Route(name, from: broker.subscriber(group: name), "in", ordering: ordering) { message, context in
                        trace.add("\(time.now.offset) \(name) \(message.number)")
                        if time.random(in: 0...1) < 0.3 { throw Broken() }
                        try await context.sleep(for: .seconds(message.number % 4))
                    })
            }
            try await router.whileRunning {
                try await time.eventually { router.status.allSatisfy(\.isRunning) }
                try await broker.publisher().publish((0..<40).map { .numbered($0, key: "\($0 % 7)") }, to: "in")
                try await time.sleep(for: .seconds(600))
            }
            return trace.entries
        }
    }

    @Test func runsEverythingOnOneThread() async throws {
        try await VirtualTime.run { time in
            let threads = Threads()
            let note: @Sendable () -> Void = { threads.note() }
            note()
            async let child: Void = hop(note)
            await child
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<3 { group.addTask { await hop(note) } }
            }
            await Shared().hop(note)
            try await time.task { await hop(note) }.value
            time.after(.seconds(1), note)
            try await time.sleep(for: .seconds(2))
            #expect(threads.count == 1)
        }
    }

    private final class Threads: Sendable {
        private let seen = Mutex<Set<String>>([])
        var count: Int { seen.withLock(\.count) }
        func note() { seen.withLock { _ = $0.insert("\(pthread_self())") } }
    }

    private actor Shared {
        func hop(_ note: @escaping @Sendable () -> Void) async {
            note()
            await Task.yield()
            note()
        }
    }

    @Test func hasTheTaskLocalValuesOfItsCaller() async throws {
        let value = try await Local.$value.withValue(7) { try await VirtualTime.run { _ in Local.value } }
        #expect(value == 7)
    }

    private enum Local {
        @TaskLocal static var value = 0
    }

    @Test func throwsWhatItsBodyThrows() async throws {
        await #expect(throws: Broken.self) { try await VirtualTime.run { _ in throw Broken() } }
    }

    // MARK: Cancelling

    @Test func aCancelledSleepEndsAtOnceAndMovesNoTime() async throws {
        try await VirtualTime.run { time in
            let sleeping = time.task { try await time.sleep(for: .seconds(100)) }
            try await time.sleep(for: .seconds(1))
            sleeping.cancel()
            await #expect(throws: CancellationError.self) { try await sleeping.value }
            #expect(time.now.offset == .seconds(1))
            let late = time.task { try await time.sleep(for: .seconds(100)) }
            late.cancel()
            await #expect(throws: CancellationError.self) { try await late.value }
            try await time.sleep(for: .seconds(1))
            #expect(time.now.offset == .seconds(2))
        }
    }

    @Test func cancellingTheCallerCancelsTheBody() async throws {
        let begun = BlockingGate()
        let running = Task {
            try await VirtualTime.run { time in
                begun.open()
                while true { try await time.sleep(for: .seconds(1)) }
            }
        }
        begun.wait()
        running.cancel()
        await #expect(throws: CancellationError.self) { try await running.value }
    }

    @Test func cancelsWhatStillSleepsAtItsEnd() async throws {
        let ends = Journal<Bool>()
        try await VirtualTime.run { time in
            for _ in 0..<3 {
                time.task {
                    do {
                        try await time.sleep(for: .seconds(60))
                    } catch {
                        // Not for long.
                        #expect(throws: CancellationError.self) { throw error }
                        try? await time.sleep(for: .seconds(60))
                        ends.add(Task.isCancelled)
                    }
                }
            }
            try await time.sleep(for: .seconds(1))
        }
        // The tasks themselves were not cancelled, only their sleep.
        #expect(ends.entries == [false, false, false])
    }

    // MARK: What cannot go on

    @Test func saysThatEverythingWaits() async throws {
        let error = await #expect(throws: VirtualTimeError.self) {
            try await VirtualTime.run(seed: 3) { time in
                try await time.sleep(for: .seconds(5))
                try await Gate().wait()
            }
        }
        #expect(error?.code == .deadlock && error?.elapsed == .seconds(5) && error?.seed == 3)
        #expect("\(try #require(error))".contains("nothing can run and no timer is set"))
    }

    @Test func isNotHeldUpByABodyThatIgnoresItsCancellation() async throws {
        let error = await #expect(throws: VirtualTimeError.self) {
            try await VirtualTime.run { _ in await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in } }
        }
        #expect(error?.code == .deadlock)
    }

    @Test func whatWasStuckGoesOnWhenItIsWokenAfterTheEnd() async throws {
        let (stuck, ended) = (Stuck(), Counter())
        await #expect(throws: VirtualTimeError.self) {
            try await VirtualTime.run { _ in
                await stuck.wait()
                ended.add()
            }
        }
        #expect(ended.value == 0)
        stuck.wake()
        try await eventually { ended.value == 1 }
    }

    /// Does not end with its task's cancellation.
    private final class Stuck: Sendable {
        private let waiter = Mutex<UnsafeContinuation<Void, Never>?>(nil)

        func wait() async {
            await withUnsafeContinuation { continuation in waiter.withLock { $0 = continuation } }
        }

        func wake() { waiter.withLock { $0.take() }?.resume() }
    }

    @Test func saysThatATaskWasWokenFromOutside() async throws {
        let error = await #expect(throws: VirtualTimeError.self) {
            try await VirtualTime.run { time in
                let (gate, opened) = (Gate(), BlockingGate())
                async let waiting: Void = gate.wait()
                try await time.eventually { gate.waiting == 1 }
                Task {
                    gate.open()
                    opened.open()
                }
                // Keeps the run from seeing that nothing else can happen.
                opened.wait()
                try await waiting
                try await time.sleep(for: .seconds(1))
            }
        }
        #expect(error?.code == .outside)
    }

    @Test func saysThatATaskOutsideWaitedInIt() async throws {
        let error = await #expect(throws: VirtualTimeError.self) {
            try await VirtualTime.run { time in
                let asked = BlockingGate()
                let outside = Task {
                    time.after(.seconds(1)) {}
                    asked.open()
                }
                asked.wait()
                await outside.value
            }
        }
        #expect(error?.code == .outside)
    }

    @Test func doesNotHangOnRealWaits() async throws {
        let error = await #expect(throws: VirtualTimeError.self) {
            try await VirtualTime.run { _ in try await Task.sleep(for: .seconds(600)) }
        }
        #expect(error?.code == .deadlock)
    }

    @Test func saysThatTasksRunWithoutEnd() async throws {
        let error = await #expect(throws: VirtualTimeError.self) {
            try await impatient().execute { _ in while !Task.isCancelled { await Task.yield() } }
        }
        #expect(error?.code == .livelock)
        let stubborn = await #expect(throws: VirtualTimeError.self) {
            try await impatient().execute { _ in while true { await Task.yield() } }
        }
        #expect(stubborn?.code == .livelock)
    }

    // MARK: Waiting for a condition

    @Test func returnsAtTheMomentFromWhichAConditionHolds() async throws {
        try await VirtualTime.run { time in
            let holds = Journal<Void>()
            time.after(.seconds(90)) { holds.add(()) }
            time.after(.seconds(100)) {}
            try await time.eventually { holds.count == 1 }
            #expect(time.now.offset == .seconds(90))
        }
    }

    @Test func seesWhatAnotherOneWhoWaitedDidAtTheSameMoment() async throws {
        try await VirtualTime.run { time in
            let steps = Journal<Int>()
            for step in (0..<5).reversed() {
                time.task {
                    try await time.eventually { steps.count == step }
                    steps.add(step)
                }
            }
            try await time.eventually { steps.count == 5 }
            #expect(steps.entries == [0, 1, 2, 3, 4] && time.now.offset == .zero)
        }
    }

    @Test func saysWhatDidNotComeAboutInTime() async throws {
        try await VirtualTime.run { time in
            let ticking = time.task { while true { try await time.sleep(for: .seconds(1)) } }
            let error = await #expect(throws: NotInTime.self) {
                try await time.eventually("pigs to fly", within: .seconds(30)) { false }
            }
            #expect(error?.expected == "pigs to fly" && time.now.offset == .seconds(30))
            ticking.cancel()
            // Nothing else can happen: it does not take its time.
            await #expect(throws: NotInTime.self) { try await time.eventually { false } }
            #expect(time.now.offset == .seconds(30))
        }
    }

    @Test func theMachinesTimeHasTheSame() async throws {
        let time = RouterTime.real
        let done = Counter()
        time.after(.milliseconds(1)) { done.add() }
        try await time.eventually { done.value == 1 }
        try await time.task { try await time.sleep(for: .milliseconds(1)) }.value
        #expect(!time.isVirtual && time == .real)
    }
}

private func impatient() -> VirtualExecutor {
    VirtualExecutor(seed: 0, jobLimit: 10_000)
}

private func hop(_ note: @escaping @Sendable () -> Void) async {
    note()
    await Task.yield()
    note()
}
