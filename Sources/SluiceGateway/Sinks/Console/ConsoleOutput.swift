import Sluice
import Synchronization

/// Writes lines to a descriptor from a thread of its own, one after the other, and lets tasks wait for that: a reader that
/// has stopped holds up who waits, and no thread that others need.
final class ConsoleOutput: Sendable {
    private let core: Core

    /// - Parameter descriptor: default: standard output.
    init(descriptor: Int32 = 1) {
        core = Core(BlockingDescriptor(number: descriptor))
    }

    deinit {
        core.stop()
    }

    /// Returns when the line is written.
    /// - Throws: why it cannot be written; `CancellationError` when the task is cancelled first. The line may be written
    ///   all the same if that has begun.
    func write(_ line: [UInt8]) async throws {
        let id = core.nextID()
        let outcome: Result<Void, any Error> = await withTaskCancellationHandler {
            await withCheckedContinuation { core.enqueue(Core.Job(id: id, line: line, continuation: $0)) }
        } onCancel: {
            core.cancel(id)
        }
        try outcome.get()
    }
}

private final class Core: Sendable {
    struct Job {
        let id: UInt64
        let line: [UInt8]
        let continuation: CheckedContinuation<Result<Void, any Error>, Never>
    }

    private struct State {
        var lastID: UInt64 = 0
        var waiting: [Job] = []
        /// Being written.
        var current: Job?
        var isRunning = false
        var isStopping = false
    }

    private let descriptor: BlockingDescriptor
    private let signal = ThreadSignal()
    private let state = Mutex(State())

    init(_ descriptor: BlockingDescriptor) {
        self.descriptor = descriptor
    }

    func nextID() -> UInt64 {
        state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
    }

    func enqueue(_ job: Job) {
        let starts = state.withLock { state -> Bool? in
            // Checked under the lock: a cancellation that comes later finds the job.
            if Task.isCancelled { return nil }
            state.waiting.append(job)
            defer { state.isRunning = true }
            return !state.isRunning
        }
        switch starts {
        case nil: job.continuation.resume(returning: .failure(CancellationError()))
        case false?: signal.raise()
        case true?: start()
        }
    }

    func cancel(_ id: UInt64) {
        let job = state.withLock { state -> Job? in
            if let current = state.current, current.id == id {
                state.current = nil
                return current
            }
            return state.waiting.firstIndex { $0.id == id }.map { state.waiting.remove(at: $0) }
        }
        job?.continuation.resume(returning: .failure(CancellationError()))
    }

    func stop() {
        state.withLock { $0.isStopping = true }
        signal.raise()
    }

    private func start() {
        do {
            _ = try DedicatedThread(name: "sluice-console") { self.run() }
        } catch {
            let jobs = state.withLock { state in
                state.isRunning = false
                defer { state.waiting = [] }
                return state.waiting
            }
            for job in jobs { job.continuation.resume(returning: .failure(error)) }
        }
    }

    private func run() {
        DedicatedThread.blockSignals()
        while true {
            let (job, isStopping) = state.withLock { state -> (Job?, Bool) in
                state.current = state.waiting.isEmpty ? nil : state.waiting.removeFirst()
                return (state.current, state.isStopping)
            }
            if let job {
                write(job)
            } else if isStopping {
                return
            } else {
                signal.wait(until: nil)
            }
        }
    }

    private func write(_ job: Job) {
        let outcome: Result<Void, any Error>
        do {
            try descriptor.write(job.line)
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        // Nil where the task has not waited for it.
        let current = state.withLock { $0.current.take() }
        current?.continuation.resume(returning: outcome)
    }
}
