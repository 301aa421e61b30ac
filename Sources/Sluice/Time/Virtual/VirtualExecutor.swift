import Dispatch
import Glibc
import Synchronization

/// Runs the tasks of one virtual time, one at a time, on a thread of its own, and moves the time on when none can run.
///
/// It never waits: what happens next is known, or nothing ever will.
package final class VirtualExecutor: TaskExecutor {
    private typealias Wait = UnsafeContinuation<Void, any Error>

    private enum Action {
        case call(@Sendable () -> Void)
        case wake(UInt64)
    }

    private enum Phase {
        /// The body's task is made by the one who asked for the run.
        case starting
        case running(pthread_t)
        case ended
    }

    private struct State {
        var schedule: VirtualSchedule<UnownedJob, Action>
        var generator: SplitMix64
        var phase = Phase.starting
        /// Tasks that sleep or look.
        var waits: [UInt64: Wait] = [:]
        var nextWait: UInt64 = 0
        var hasBodyEnded = false
        /// Whether no other body will run.
        var isRetired = false
        /// Whether the body was asked to give up.
        var isCancelled = false
        var fault: VirtualTimeError?
    }

    /// What was still waiting for something outside when its run ended goes on here.
    private static let late = DispatchQueue(label: "sluice.virtual-time.late")

    private let seed: UInt64
    private let start: Timestamp
    private let jobLimit: Int
    /// Whether another body may run after the first, in the same time: between two everything stands still.
    private let isResumable: Bool
    private let state: Mutex<State>
    private let isUnwanted = Atomic<Bool>(false)

    /// 2026-01-01 00:00:00 UTC.
    package static let defaultStart = Timestamp(millisecondsSince1970: 1_767_225_600_000)

    /// - Parameters:
    ///   - seed: what jitter and a shuffled order follow from.
    ///   - start: what the wall clock shows at the beginning.
    ///   - isShuffled: whether the seed chooses among the tasks that can run; if not, the longest waiting is first.
    ///   - jobLimit: how many parts of tasks may run at one moment. Default: far more than anything needs, and run in
    ///     seconds.
    ///   - isResumable: whether another body may run after the first.
    package init(
        seed: UInt64, start: Timestamp = defaultStart, isShuffled: Bool = false, jobLimit: Int = 10_000_000,
        isResumable: Bool = false
    ) {
        self.isResumable = isResumable
        self.seed = seed
        self.start = start
        self.jobLimit = jobLimit
        // Two streams: another draw of jitter must not change the order of tasks that have nothing to do with it.
        var seeds = SplitMix64(seed: seed)
        let generator = SplitMix64(seed: seeds.next())
        let schedule = VirtualSchedule<UnownedJob, Action>(seed: seeds.next(), isShuffled: isShuffled)
        state = Mutex(State(schedule: schedule, generator: generator))
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let isLate = state.withLock { state in
            if case .ended = state.phase { return true }
            noteCaller(&state)
            state.schedule.add(job)
            return false
        }
        if isLate { runLate(job) }
    }

    private func runLate(_ job: UnownedJob) {
        Self.late.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }

    /// The first fault is the one that counts: others may follow from it.
    private func note(_ code: VirtualTimeError.Code, _ state: inout State) {
        guard state.fault == nil else { return }
        state.fault = VirtualTimeError(code: code, elapsed: .nanoseconds(state.schedule.now), seed: seed)
    }

    private func noteCaller(_ state: inout State) {
        guard case .running(let thread) = state.phase, pthread_equal(pthread_self(), thread) == 0 else { return }
        note(.outside, &state)
    }
}

// MARK: Running

extension VirtualExecutor {
    /// Runs `body` in this time, on a thread of its own.
    /// - Throws: what `body` throws; ``VirtualTimeError`` when the run cannot go on, or depends on what is outside of it.
    package func execute<Result: Sendable>(
        _ body: @escaping @Sendable (RouterTime) async throws -> Result
    ) async throws -> Result {
        let outcome = VirtualOutcome<Result>()
        // Unstructured, because a task that is stuck for good must not take its caller with it.
        let root = Task(executorPreference: self) {
            do {
                outcome.settle(.success(try await body(RouterTime(self))))
            } catch {
                outcome.settle(.failure(error))
            }
            self.noteBodyEnded()
        }
        let fault = try await withTaskCancellationHandler {
            try await run { root.cancel() }
        } onCancel: {
            cancel()
        }
        if let fault { throw fault }
        return try outcome.get()
    }

    /// Runs everything until the body has ended, or nothing can happen any more.
    /// - Parameter cancelBody: asks the body to give up.
    /// - Returns: why the run says nothing; nil when it went well.
    private func run(_ cancelBody: @escaping @Sendable () -> Void) async throws -> VirtualTimeError? {
        try await withCheckedThrowingContinuation { continuation in
            do {
                // It ends by itself, so nothing joins it.
                _ = try DedicatedThread(name: "virtual-time") { [self] in
                    state.withLock { $0.phase = .running(pthread_self()) }
                    while step(cancelBody) {}
                    continuation.resume(returning: state.withLock(\.fault))
                }
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }

    /// The run ends when nothing else can run.
    func noteBodyEnded() {
        state.withLock { $0.hasBodyEnded = true }
    }

    /// No other body will run: what was left waiting ends as if its body had.
    package func retire() {
        let hasRest = state.withLock { state in
            guard case .starting = state.phase else { return false }
            state.isRetired = true
            state.hasBodyEnded = true
            return true
        }
        guard hasRest else { return }
        _ = try? DedicatedThread(name: "virtual-time") { [self] in
            state.withLock { $0.phase = .running(pthread_self()) }
            while step({}) {}
        }
    }

    /// Whether everything stands still until the next body runs.
    private func pause(_ state: inout State) -> Bool {
        guard isResumable, state.hasBodyEnded, !state.isRetired, state.fault == nil else { return false }
        state.phase = .starting
        state.hasBodyEnded = false
        state.isCancelled = false
        isUnwanted.store(false, ordering: .relaxed)
        return true
    }

    /// Asks the body to give up; from any thread.
    func cancel() {
        isUnwanted.store(true, ordering: .relaxed)
    }

    /// - Returns: false when the run is over.
    private func step(_ cancelBody: () -> Void) -> Bool {
        guard !state.withLock({ pause(&$0) }) else { return false }
        let (step, cancels, isLost) = state.withLock { state in
            let jobs = state.schedule.jobsAtThisTime
            if jobs > jobLimit { note(.livelock, &state) }
            let cancels = !state.isCancelled && (state.fault != nil || isUnwanted.load(ordering: .relaxed))
            if cancels { state.isCancelled = true }
            if state.hasBodyEnded { state.schedule.removeTimers() }
            let step = state.schedule.next { action in
                if case .wake(let id) = action { state.waits[id] == nil } else { false }
            }
            return (step, cancels, jobs > jobLimit * 2)
        }
        if cancels { cancelBody() }
        switch step {
        case .run(let job):
            job.runSynchronously(on: asUnownedTaskExecutor())
        case .fire(let actions):
            for action in actions {
                switch action {
                case .call(let body): body()
                case .wake(let id): takeWait(id)?.resume()
                }
            }
        case .look(let ids):
            for id in ids { takeWait(id)?.resume() }
        case .stuck:
            return goOn(cancelBody)
        }
        if isLost { finish() }
        return !isLost
    }

    /// Nothing can happen by itself any more.
    /// - Returns: false when the run is over.
    private func goOn(_ cancelBody: () -> Void) -> Bool {
        let (waits, cancels) = state.withLock { state -> ([Wait], Bool) in
            defer {
                state.waits = [:]
                state.schedule.removeLookers()
            }
            // Only those who look are left, or those who would sleep beyond the body's end.
            let waits = state.waits.valuesInOrder
            guard waits.isEmpty, !state.hasBodyEnded, !state.isCancelled else { return (waits, false) }
            note(.deadlock, &state)
            state.isCancelled = true
            return ([], true)
        }
        for wait in waits { wait.resume(throwing: CancellationError()) }
        if cancels { cancelBody() }
        guard waits.isEmpty, !cancels else { return true }
        finish()
        return false
    }

    private func finish() {
        let jobs = state.withLock { state in
            state.phase = .ended
            // Those of a livelock would never end.
            return state.fault?.code == .livelock ? [] : state.schedule.removeJobs()
        }
        jobs.forEach(runLate)
    }
}

// MARK: Waiting

extension VirtualExecutor: TimeSource {
    package var now: MonotonicTime { MonotonicTime(nanoseconds: state.withLock(\.schedule.now)) }
    package var timestamp: Timestamp { start.advanced(by: now.offset) }
    package var executor: any TaskExecutor { self }

    package func randomBits() -> UInt64 { state.withLock { $0.generator.next() } }

    package func after(_ duration: Duration, _ body: @escaping @Sendable () -> Void) {
        state.withLock { state in
            noteCaller(&state)
            state.schedule.addTimer(after: duration.wholeNanoseconds, .call(body))
        }
    }

    package func sleep(until deadline: MonotonicTime) async throws {
        try await wait(makeID()) { id, schedule in
            schedule.addTimer(
                after: deadline.nanoseconds(since: MonotonicTime(nanoseconds: schedule.now)), .wake(id))
        }
    }

    /// Names one who looks again and again.
    package func makeID() -> UInt64 {
        state.withLock { state in
            state.nextWait += 1
            return state.nextWait
        }
    }

    /// Returns when nothing else can run: at once if something has since this one looked, else when time has moved on.
    /// - Throws: `CancellationError` when the task is cancelled, or nothing can happen any more.
    package func look(_ id: UInt64) async throws {
        try await wait(id) { $1.addLooker($0) }
    }

    private func wait(
        _ id: UInt64, _ register: @Sendable (UInt64, inout VirtualSchedule<UnownedJob, Action>) -> Void
    ) async throws {
        try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { continuation in
                let waits = state.withLock { state in
                    noteCaller(&state)
                    // Looked at under the lock: a cancellation that comes later finds the wait.
                    guard !state.hasBodyEnded, !Task.isCancelled else { return false }
                    state.waits[id] = continuation
                    register(id, &state.schedule)
                    return true
                }
                if !waits { continuation.resume(throwing: CancellationError()) }
            }
        } onCancel: {
            takeWait(id)?.resume(throwing: CancellationError())
        }
    }

    private func takeWait(_ id: UInt64) -> Wait? {
        state.withLock { state in
            // One who looks is not to be asked again.
            state.schedule.removeLooker(id)
            return state.waits.removeValue(forKey: id)
        }
    }
}
