import Sluice
import Synchronization

/// How tasks reach the client's thread: commands in, and one wake-up for as many as come while it sleeps.
final class Mailbox: Sendable {
    enum Command {
        case start(Ticket, UnsafeContinuation<Completion, Never>)
        case cancel(Ticket)
    }

    let multi: MultiHandle
    private let state = Mutex(State())

    private struct State {
        var commands: [Command] = []
        var isSleeping = false
        /// When what is still in flight is given up; nil while the client is open.
        var closeDeadline: MonotonicTime?
        var hasEnded = false
        var waiters: [UnsafeContinuation<Void, Never>] = []

        mutating func wake(_ multi: MultiHandle) {
            // Inside the lock, for the thread closes the handle once it has set `hasEnded`.
            if isSleeping, !hasEnded { multi.wake() }
            isSleeping = false
        }
    }

    init(_ multi: MultiHandle) {
        self.multi = multi
    }

    // MARK: Any thread

    /// - Returns: false once the client is closing; the command has then had no effect.
    func start(_ ticket: Ticket, _ continuation: UnsafeContinuation<Completion, Never>) -> Bool {
        state.withLock { state in
            guard state.closeDeadline == nil else { return false }
            state.commands.append(.start(ticket, continuation))
            state.wake(multi)
            return true
        }
    }

    func cancel(_ ticket: Ticket) {
        ticket.cancel()
        state.withLock { state in
            guard !state.hasEnded else { return }
            state.commands.append(.cancel(ticket))
            state.wake(multi)
        }
    }

    /// Refuses what comes from now on, and gives the rest until `deadline`; of several, the earliest counts.
    func beginClosing(by deadline: MonotonicTime) {
        state.withLock { state in
            state.closeDeadline = min(state.closeDeadline ?? deadline, deadline)
            state.wake(multi)
        }
    }

    /// Returns when the thread has let go of everything.
    func waitForEnd() async {
        await withUnsafeContinuation { continuation in
            let hasEnded = state.withLock { state in
                if !state.hasEnded { state.waiters.append(continuation) }
                return state.hasEnded
            }
            if hasEnded { continuation.resume() }
        }
    }

    // MARK: The client's thread

    /// Swaps `commands`, which is empty, for those that have come, so that neither side allocates in the long run.
    /// - Returns: the deadline of closing; nil while the client is open.
    func take(into commands: inout [Command]) -> MonotonicTime? {
        state.withLock { state in
            swap(&state.commands, &commands)
            return state.closeDeadline
        }
    }

    /// Whether the thread may wait now: nothing has come since it took commands, and from here on what comes wakes it.
    /// - Parameter closeDeadline: the one that it took; another one is news to it.
    func beginSleeping(knowing closeDeadline: MonotonicTime?) -> Bool {
        state.withLock { state in
            guard state.commands.isEmpty, state.closeDeadline == closeDeadline else { return false }
            state.isSleeping = true
            return true
        }
    }

    func endSleeping() {
        state.withLock { $0.isSleeping = false }
    }

    /// After this no wake-up comes, and the multi handle may be closed.
    func end() -> [Command] {
        state.withLock { state in
            state.hasEnded = true
            defer { state.commands = [] }
            return state.commands
        }
    }

    func resumeWaiters() {
        let waiters = state.withLock { state in
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }
}

/// What a caller and the client's thread share of one request.
final class Ticket: Sendable {
    let request: HTTPClient.Request
    let submitted: MonotonicTime
    let deadline: MonotonicTime
    private let cancelled = Atomic<Bool>(false)

    init(_ request: HTTPClient.Request, submitted: MonotonicTime, deadline: MonotonicTime) {
        self.request = request
        self.submitted = submitted
        self.deadline = deadline
    }

    var isCancelled: Bool { cancelled.load(ordering: .relaxed) }

    /// The thread may learn of it before it learns of the request itself.
    func cancel() {
        cancelled.store(true, ordering: .relaxed)
    }
}

/// How a request ended.
struct Completion: Sendable {
    let result: Result<HTTPClient.Response, HTTPClientError>
    /// When it was given to a connection; nil when it never was.
    let started: MonotonicTime?
}
