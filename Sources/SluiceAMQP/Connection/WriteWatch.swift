import Glibc
import Sluice
import Synchronization

/// Ends a connection whose write does not return in time: a thread that waits inside of a library for a broker that
/// does not read is let go when the socket is shut down.
final class WriteWatch: Sendable {
    private struct State {
        /// When the present write began.
        var start: MonotonicTime?
        /// Whether a look at it is due.
        var isArmed = false
        var hasEnded = false
        var isOver = false
    }

    private let socket: Int32
    private let limit: Duration
    private let state = Mutex(State())

    /// - Parameter limit: how long a write may take.
    init(_ socket: Int32, limit: Duration) {
        self.socket = socket
        self.limit = limit
    }

    /// Whether it has ended the connection.
    var hasEnded: Bool { state.withLock(\.hasEnded) }

    func write<Result>(_ body: () -> Result) -> Result {
        let arms = state.withLock { state in
            state.start = .now()
            defer { state.isArmed = true }
            return !state.isArmed
        }
        // One look at a time, however many writes there are.
        if arms { look(after: limit) }
        defer { state.withLock { $0.start = nil } }
        return body()
    }

    /// The socket is about to be closed: its number may soon be another's.
    func end() {
        state.withLock { $0.isOver = true }
    }

    private func look(after delay: Duration) {
        RouterTime.real.after(delay) { [weak self] in self?.look() }
    }

    private func look() {
        let rest = state.withLock { state -> Duration? in
            guard let start = state.start, !state.isOver else {
                state.isArmed = false
                return nil
            }
            let rest = limit - .nanoseconds(Int64(clamping: MonotonicTime.now().nanoseconds(since: start)))
            guard rest <= .zero else { return rest }
            state.hasEnded = true
            _ = shutdown(socket, Int32(SHUT_RDWR))
            return nil
        }
        if let rest { look(after: rest) }
    }
}
