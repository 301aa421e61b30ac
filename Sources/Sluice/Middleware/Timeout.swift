import Synchronization

/// A deadline for everything inside it. An attempt that exceeds it is cancelled and fails like any transient failure,
/// so that Retry outside of it starts afresh.
///
/// Cancellation is cooperative: the attempt ends when what it waits for ends, and never runs beside its successor.
public struct Timeout: Middleware {
    /// Default 30 s.
    public var deadline: Duration

    public init(_ deadline: Duration = .seconds(30)) {
        self.deadline = deadline
    }

    public func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler {
        try ConfigurationCheck.all(of: "Timeout") { $0("deadline", self.deadline, above: .zero) }
        let deadline = deadline
        let deadlines = DeadlineQueue<TimedAttempt>(deadline, time: route.time) { $0.expire() }
        let (executor, destination) = (route.time.executor, route.destination)
        return { message, context in
            // Shut meanwhile, perhaps: a message may have waited for Throttle since Retry looked. That wait is no part of the
            // attempt.
            if !destination.isOpen { try await destination.pass(context) }
            let attempt = TimedAttempt()
            var timed = context
            timed.timed = attempt
            let inside = timed
            // Starts on this thread: what needs no waiting is done before the next line, without a change of threads.
            let task = Task.immediate(executorPreference: executor) {
                do {
                    attempt.finish(.success(try await next(message, inside)))
                } catch {
                    attempt.finish(.failure(error))
                }
            }
            if let result = attempt.result { return try result.get() }
            attempt.run(by: task)
            deadlines.add(attempt)
            return try await withTaskCancellationHandler {
                try await attempt.wait(deadline)
            } onCancel: {
                task.cancel()
            }
        }
    }
}

/// An attempt took longer than its ``Timeout``.
public struct TimeoutError: DispositionError, CustomStringConvertible {
    public let deadline: Duration

    public init(deadline: Duration) {
        self.deadline = deadline
    }

    public var disposition: Disposition { .retry() }
    public var reason: String { "timeout" }
    public var description: String { "the attempt took longer than \(deadline)" }
}

/// The meeting point of an attempt, its timer, and whoever waits for it.
final class TimedAttempt: Sendable {
    private struct State {
        var result: Result<[Message], any Error>?
        var expired = false
        var task: Task<Void, Never>?
        var waiter: UnsafeContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    var result: Result<[Message], any Error>? { state.withLock(\.result) }

    var isExpired: Bool { state.withLock(\.expired) }

    /// Says whom to cancel when the deadline passes.
    func run(by task: Task<Void, Never>) {
        state.withLock { state in
            if state.result == nil { state.task = task }
        }
    }

    func finish(_ result: Result<[Message], any Error>) {
        let waiter = state.withLock { state in
            state.result = result
            state.task = nil
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    /// Cancels the attempt when it is still running.
    func expire() {
        let task = state.withLock { state in
            if state.result == nil { state.expired = true }
            return state.task
        }
        task?.cancel()
    }

    func wait(_ deadline: Duration) async throws -> [Message] {
        await withUnsafeContinuation { continuation in
            let finished = state.withLock { state in
                if state.result == nil { state.waiter = continuation }
                return state.result != nil
            }
            if finished { continuation.resume() }
        }
        let (result, expired) = state.withLock { ($0.result, $0.expired) }
        switch result {
        // What succeeded in the end has succeeded, however late.
        case .success(let produced): return produced
        case .failure where expired: throw TimeoutError(deadline: deadline)
        case .failure(let error): throw error
        case nil: throw CancellationError()
        }
    }
}
