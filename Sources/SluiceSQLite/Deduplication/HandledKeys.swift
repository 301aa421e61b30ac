import Sluice
import Synchronization

/// Keys that were handled and are not committed yet: the writer's next commit takes all of them, with the settlements that
/// there are.
final class HandledKeys: Sendable {
    private struct State {
        var book = KeyBook()
        /// Until a commit has ended.
        var waiters: [UnsafeContinuation<Void, any Error>] = []
    }

    private let writer: LogWriter
    private let state = Mutex(State())

    init(_ writer: LogWriter) {
        self.writer = writer
    }

    /// - Returns: nil where the file has to be asked; the key is reserved then.
    func reserve(_ key: KeyBook.Key) -> Reservation? { state.withLock { $0.book.reserve(key) } }

    func release(_ key: KeyBook.Key) {
        state.withLock { $0.book.release(key) }
    }

    func release(_ keys: [KeyBook.Key]) {
        state.withLock { $0.book.release(keys) }
    }

    /// The reserved key was handled. Returns at once, unless so many wait for a commit that it has to be waited for.
    /// - Throws: why keys are not kept at this time.
    func note(_ key: KeyBook.Key, for window: Int64) async throws {
        let note = state.withLock { $0.book.note(key, for: window) }
        if note.announces || note.waits { try writer.announce(self, isUrgent: note.waits) }
        if let failure = note.failure { throw failure }
        if note.waits { try await waitForCommit() }
    }

    private func waitForCommit() async throws {
        try await withUnsafeThrowingContinuation { continuation in
            let isOver = state.withLock { state in
                // It may have ended meanwhile.
                if state.book.isFull { state.waiters.append(continuation) }
                return !state.book.isFull
            }
            if isOver { continuation.resume() }
        }
    }

    // MARK: The writer's

    /// - Returns: what is to be written.
    func beginCommit() -> [KeyBook.Key: Int64] { state.withLock { $0.book.beginCommit() } }

    /// - Parameter failure: why it has failed; nil when it has not.
    func endCommit(_ failure: (any Error)? = nil) {
        let waiters = state.withLock { state in
            state.book.endCommit(failure)
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters {
            if let failure { waiter.resume(throwing: failure) } else { waiter.resume() }
        }
    }
}
