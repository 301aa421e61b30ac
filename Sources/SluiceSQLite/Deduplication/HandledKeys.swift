import Sluice
import Synchronization

/// Keys that were handled and are not committed yet: the writer's next commit takes all of them, with the settlements that
/// there are.
final class HandledKeys: Sendable {
    private struct State {
        var book = KeyBook()
        /// Until a commit has ended.
        var waiters = WaitList<Result<Void, any Error>>()
    }

    private let writer: WriterInbox
    private let state = Mutex(State())

    init(_ writer: WriterInbox) {
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
        guard note.waits else { return }
        // The commit may have ended meanwhile.
        try await state.waitThrough(in: \.waiters) { $0.book.isFull ? nil : .success(()) }.get()
    }

    // MARK: The writer's

    /// - Returns: what to write.
    func beginCommit() -> [KeyBook.Key: Int64] { state.withLock { $0.book.beginCommit() } }

    /// - Parameter failure: why it has failed; nil when it has not.
    func endCommit(_ failure: (any Error)? = nil) {
        let waiters = state.withLock { state in
            state.book.endCommit(failure)
            return state.waiters.removeAll()
        }
        let outcome: Result<Void, any Error> = if let failure { .failure(failure) } else { .success(()) }
        for waiter in waiters { waiter.resume(returning: outcome) }
    }
}
