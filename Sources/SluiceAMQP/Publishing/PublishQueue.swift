import DequeModule
import Sluice
import Synchronization

/// What tasks and the publisher's thread share: calls that wait to be sent, and the wish to stop.
///
/// It is bounded by its callers, each of which is suspended until its own messages are confirmed.
final class PublishQueue: Sendable {
    private struct State {
        var calls = Deque<PublishCall>()
        var closing: MonotonicTime?
    }

    let signal: PollSignal
    /// Raised when the thread has let go of everything.
    let end = Completion()
    private let state = Mutex(State())

    init(signal: PollSignal) {
        self.signal = signal
    }

    /// - Returns: false when the publisher is closed.
    func append(_ call: PublishCall) -> Bool {
        let isFirst = state.withLock { state -> Bool? in
            guard state.closing == nil else { return nil }
            state.calls.append(call)
            return state.calls.count == 1
        }
        // The thread takes all there are: it has been woken for the first of them.
        if isFirst == true { signal.raise() }
        return isFirst != nil
    }

    func takeAll() -> Deque<PublishCall> {
        state.withLock { state in
            defer { state.calls = [] }
            return state.calls
        }
    }

    /// When the thread has to be done; nil while the publisher is open.
    var closing: MonotonicTime? { state.withLock(\.closing) }

    /// Takes nothing more; what is in the queue is still sent, until the deadline.
    func close(until deadline: MonotonicTime) {
        state.withLock { state in
            if state.closing == nil { state.closing = deadline }
        }
        signal.raise()
    }
}
