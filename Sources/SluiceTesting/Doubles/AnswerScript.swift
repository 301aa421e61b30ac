public import Sluice
import Synchronization

/// What a fake destination answers, attempt by attempt: for the fakes of what a handler calls.
///
/// ```swift
/// let warehouse: AnswerScript = [.fail(WarehouseBusy()), .throttled(after: .seconds(30))]
/// let probe = try RouteProbe({ message, context in
///     try await warehouse.answer(in: context.route.time)
///     return [message]
/// }, through: [Retry()])
/// ```
public final class AnswerScript: Sendable, ExpressibleByArrayLiteral {
    private struct State {
        var script: [Answer]
        var after: Answer
        var calls = 0
    }

    private let state: Mutex<State>

    /// - Parameters:
    ///   - script: one answer for each attempt, in order.
    ///   - after: what the attempts get when the script has ended. Default: success.
    public init(_ script: [Answer], then after: Answer = .succeed) {
        state = Mutex(State(script: script, after: after))
    }

    public convenience init(arrayLiteral script: Answer...) {
        self.init(script)
    }

    /// How many attempts were made.
    public var calls: Int { state.withLock(\.calls) }

    /// Replaces what is left of the script, as when a destination comes back.
    public func change(to script: [Answer], then after: Answer = .succeed) {
        state.withLock { state in
            state.script = script
            state.after = after
        }
    }

    /// An attempt: returns where the next answer is a success.
    /// - Parameter time: what a late answer goes by. Default: the machine's.
    /// - Throws: what the answer says; `CancellationError` when the task is cancelled while it waits.
    public func answer(in time: RouterTime = .real) async throws {
        switch try await next(in: time) {
        case .succeed: break
        case .fail(let error), .acceptFirst(_, let error): throw error
        case .wait(let gate): try await gate.wait()
        }
    }

    func next(in time: RouterTime) async throws -> Answer.Kind {
        let answer = state.withLock { state in
            state.calls += 1
            return state.script.isEmpty ? state.after : state.script.removeFirst()
        }
        if answer.delay > .zero { try await time.sleep(for: answer.delay) }
        return answer.kind
    }
}
