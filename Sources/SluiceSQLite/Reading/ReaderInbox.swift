import GRDB
import Sluice
import Synchronization

/// The queue before the one thread that reads: for subscriptions, reports, and backlogs.
final class ReaderInbox: Sendable {
    typealias Job = @Sendable (Result<ReaderLoop, any Error>) -> Void

    let signal: ThreadSignal
    private let path: String
    private let jobs: Inbox<Job>
    private let commits = Atomic<UInt64>(0)
    private let appends = Atomic<UInt64>(0)

    private let registry: GroupRegistry

    init(path: String, registry: GroupRegistry, signal: ThreadSignal) {
        self.path = path
        self.registry = registry
        self.signal = signal
        jobs = Inbox { signal.raise() }
    }

    /// Grows with each commit of this process.
    var commitCount: UInt64 { commits.load(ordering: .acquiring) }

    /// Grows with each of them that may hold messages.
    var appendCount: UInt64 { appends.load(ordering: .acquiring) }

    /// - Parameter isNews: whether there may be something to hand out that there was not before.
    func noteCommit(isNews: Bool) {
        commits.wrappingAdd(1, ordering: .acquiringAndReleasing)
        guard isNews else { return }
        appends.wrappingAdd(1, ordering: .acquiringAndReleasing)
        if !registry.isEmpty { signal.raise() }
    }

    /// Runs `body` on the reader's thread.
    func perform<R: Sendable>(_ body: @escaping @Sendable (ReaderLoop) throws -> R) async throws -> R {
        try await withUnsafeThrowingContinuation { continuation in
            submit { loop in continuation.resume(with: Result { try body(loop.get()) }) }
        }
    }

    /// Runs `job` on the reader's thread, or at once with an error when the log is closed.
    func submit(_ job: @escaping Job) {
        if !jobs.post(job) { job(.failure(closedError)) }
    }

    private var closedError: SQLiteLogError { SQLiteLogError(.closed, path: path, detail: "it cannot be read") }

    func close() {
        for job in jobs.end() { job(.failure(closedError)) }
    }

    // MARK: Serving

    /// - Returns: false when it was closed.
    func runJobs(_ loop: ReaderLoop) -> Bool {
        for job in jobs.takeAll() { job(.success(loop)) }
        return !jobs.hasEnded
    }
}
