import Synchronization

/// A deadline for everything inside it. An attempt that exceeds it is cancelled and fails like any transient failure,
/// so that Retry outside of it starts afresh.
///
/// ```swift
/// let router = Router(middlewares: [Retry(), Timeout(.seconds(10))])
/// ```
///
/// Cancellation is cooperative: the attempt ends when what it waits for ends, and never runs beside its successor.
///
/// The deadline can be changed while attempts are under way (``Live``): it counts from when each began.
public struct Timeout: LiveMiddleware {
    /// More than 0; default 30 s.
    public var deadline: Duration

    public init(_ deadline: Duration = .seconds(30)) {
        self.deadline = deadline
    }

    public func validate() throws(ConfigurationError) {
        try ConfigurationCheck.all(of: "Timeout") { $0("deadline", deadline, above: .zero) }
    }

    public static func wrap(_ next: @escaping Handler, for route: RouteScope, by live: Live<Timeout>) throws -> Handler
    {
        let deadlines = DeadlineQueue<TimedAttempt>(live.policy.deadline, time: route.time) { $0.expire(after: $1) }
        live.onChange(for: deadlines) { [weak deadlines, weak live] in
            if let deadlines, let live { deadlines.update(live.policy.deadline) }
        }
        let (executor, destination) = (route.time.executor, route.destination)
        return { message, context in
            // To wait for its turn at the destination is no part of the attempt.
            if destination.mustAdmit { try await destination.admit(context) }
            defer { if context.delivery.trace.isAdmitted { destination.leave(context.delivery, .unknown) } }
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
                try await attempt.wait()
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

/// The meeting point of an attempt, its timer, and the task that waits for it.
final class TimedAttempt: Sendable {
    private struct State {
        var result: Result<[Message], any Error>?
        /// The deadline that has passed.
        var expired: Duration?
        var task: Task<Void, Never>?
        var waiter: UnsafeContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    var result: Result<[Message], any Error>? { state.withLock(\.result) }

    var isExpired: Bool { state.withLock { $0.expired != nil } }

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
    func expire(after deadline: Duration) {
        let task = state.withLock { state in
            if state.result == nil { state.expired = deadline }
            return state.task
        }
        task?.cancel()
    }

    func wait() async throws -> [Message] {
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
        case .failure(let error):
            if let expired { throw TimeoutError(deadline: expired) }
            throw error
        case nil: throw CancellationError()
        }
    }
}
