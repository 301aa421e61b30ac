import Sluice
import Synchronization

/// What tasks and the subscriber's thread share: the subscriptions, and the wish to stop.
final class FeedList: Sendable {
    private struct State {
        var added: [Feed] = []
        var isClosing = false
        var isReleased = false
    }

    let signal: PollSignal
    /// Raised when the thread has let go of everything.
    let end = Completion()
    private let state = Mutex(State())

    init(signal: PollSignal) {
        self.signal = signal
    }

    /// - Returns: false when the subscriber is closed.
    func append(_ feed: Feed) -> Bool {
        let isOpen = state.withLock { state in
            if !state.isClosing { state.added.append(feed) }
            return !state.isClosing
        }
        signal.raise()
        return isOpen
    }

    func takeAdded() -> [Feed] {
        state.withLock { state in
            defer { state.added = [] }
            return state.added
        }
    }

    var isClosing: Bool { state.withLock(\.isClosing) }

    /// Whether it is closed to new subscriptions: those that exist go on for as long as they are wanted.
    var isReleased: Bool { state.withLock { $0.isReleased && $0.added.isEmpty } }

    func release() {
        state.withLock { $0.isReleased = true }
        signal.raise()
    }

    func close() {
        state.withLock { $0.isClosing = true }
        signal.raise()
    }
}
