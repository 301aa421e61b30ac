import Sluice
import Synchronization

/// How the last commit ended, of messages, settlements, leases or a probe.
final class LogHealth: Sendable {
    private struct State {
        var failure: SQLiteLogError?
        var lastProof = MonotonicTime.now()
    }

    private let state = Mutex(State())
    private let observe: (@Sendable (SQLiteLog.Configuration.CommitOutcome) -> Void)?

    init(_ observe: (@Sendable (SQLiteLog.Configuration.CommitOutcome) -> Void)?) {
        self.observe = observe
    }

    var failure: SQLiteLogError? { state.withLock(\.failure) }

    /// When it was last known whether messages can be written.
    var lastProof: MonotonicTime { state.withLock(\.lastProof) }

    func succeeded() {
        let hadFailed = state.withLock { state in
            state.lastProof = .now()
            defer { state.failure = nil }
            return state.failure != nil
        }
        if hadFailed { observe?(.succeededAgain) }
    }

    func failed(_ error: SQLiteLogError) {
        // A message that is too large for SQLite says nothing of the file.
        guard error.code != .tooLarge, error.code != .closed else { return }
        let isFirst = state.withLock { state in
            state.lastProof = .now()
            defer { state.failure = error }
            return state.failure?.code != error.code
        }
        observe?(.failed(error, isFirst: isFirst))
    }
}
