import Sluice
import Synchronization

/// Writes lines to a descriptor, one after the other, and lets tasks wait for that. What there is room for is written at once;
/// the rest from a thread of its own, so that a reader who has stopped holds up who waits, and no thread that others need.
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
        let written = core.writeAtOnce(line)
        guard written < line.count else { return }
        let line = written == 0 ? line : Array(line[written...])
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
        /// Whether a line is being written, also one that is not waited for any more.
        var isWriting = false
        var isRunning = false
        var isStopping = false
    }

    private let descriptor: BlockingDescriptor
    /// Nil where it cannot be written to without waiting.
    private let ready: ReadyDescriptor?
    private let signal = ThreadSignal()
    private let state = Mutex(State())

    init(_ descriptor: BlockingDescriptor) {
        self.descriptor = descriptor
        ready = ReadyDescriptor(descriptor.number)
    }

    /// - Returns: how many bytes are written, where nothing waits to be written before.
    func writeAtOnce(_ line: [UInt8]) -> Int {
        guard let ready else { return 0 }
        return state.withLock { state in
            // One that was given up may be under way still.
            state.waiting.isEmpty && !state.isWriting ? ready.write(line) : 0
        }
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
                state.isWriting = state.current != nil
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
        let current = state.withLock { state in
            state.isWriting = false
            return state.current.take()
        }
        current?.continuation.resume(returning: outcome)
    }
}
