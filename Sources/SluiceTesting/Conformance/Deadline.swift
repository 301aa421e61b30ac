import Sluice
import Synchronization

/// How work with a deadline ended.
enum Deadline<Value: Sendable>: Sendable {
    case met(Value)
    case missed
}

/// Runs `body`, but waits for it no longer than `limit`; then it is cancelled and left to itself.
///
/// The tasks are unstructured on purpose: a task group waits for a child that ignores its cancellation, and such a
/// hang is what the conformance suite must report instead of sharing it.
func withDeadline<Value: Sendable>(
    _ limit: Duration, in time: RouterTime, _ body: @escaping @Sendable () async throws -> Value
) async throws -> Deadline<Value> {
    let first = FirstResult<Value>()
    let work = time.task {
        do { first.settle(.success(.met(try await body()))) } catch { first.settle(.failure(error)) }
    }
    let timer = time.task {
        guard (try? await time.sleep(for: limit)) != nil else { return }
        first.settle(.success(.missed))
    }
    defer {
        timer.cancel()
        work.cancel()
    }
    return try await withTaskCancellationHandler {
        try await withCheckedThrowingContinuation { first.wait($0) }
    } onCancel: {
        work.cancel()
    }
}

/// Keeps the first of several results for the one who waits.
private final class FirstResult<Value: Sendable>: Sendable {
    typealias Outcome = Result<Deadline<Value>, any Error>

    private enum State {
        case empty
        case waiting(CheckedContinuation<Deadline<Value>, any Error>)
        case settled(Outcome)
        case done
    }

    private let state = Mutex(State.empty)

    func settle(_ outcome: Outcome) {
        let waiter = state.withLock { state -> CheckedContinuation<Deadline<Value>, any Error>? in
            switch state {
            case .empty:
                state = .settled(outcome)
                return nil
            case .waiting(let continuation):
                state = .done
                return continuation
            case .settled, .done:
                return nil
            }
        }
        waiter?.resume(with: outcome)
    }

    func wait(_ continuation: CheckedContinuation<Deadline<Value>, any Error>) {
        let outcome = state.withLock { state -> Outcome? in
            if case .settled(let outcome) = state {
                state = .done
                return outcome
            }
            state = .waiting(continuation)
            return nil
        }
        if let outcome { continuation.resume(with: outcome) }
    }
}
