import DequeModule
import Synchronization

/// Lets tasks run on the thread that serves a producer.
///
/// librdkafka makes a message when it is given a record, and frees it with its report. Where one thread does both, the
/// message's memory stays with it, and no thread contends for the producer's locks. On whichever thread a publish happens
/// to run, a batch costs a third more.
///
/// What runs here belongs to a publish that has entered the producer, for which the thread lives on: nothing is left behind.
final class ProducerExecutor: TaskExecutor {
    private struct State {
        var jobs = Deque<UnownedJob>()
        /// Whether the thread found nothing to run and may sleep.
        var isIdle = false
    }

    /// From how many messages on a call gains more here than its way to the thread and back costs.
    static let worthwhileCount = 16

    private let state = Mutex(State())
    private let wake: @Sendable () -> Void

    /// - Parameter wake: wakes the thread; called from any other, or the same.
    init(wake: @escaping @Sendable () -> Void) {
        self.wake = wake
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let mustWake = state.withLock { state in
            state.jobs.append(job)
            defer { state.isIdle = false }
            return state.isIdle
        }
        if mustWake { wake() }
    }

    /// Runs what has waited longest.
    /// - Returns: whether there was something; the thread is woken for what comes after a false.
    func runNext() -> Bool {
        let job = state.withLock { state in
            let job = state.jobs.popFirst()
            state.isIdle = job == nil
            return job
        }
        guard let job else { return false }
        job.runSynchronously(on: asUnownedTaskExecutor())
        return true
    }
}
