public import Sluice
import Synchronization

/// Fails as its script says, and otherwise passes on to another publisher.
public final class FailingPublisher: Publisher {
    /// What one call of `publish` does.
    public struct Step: Sendable {
        enum Kind: Sendable {
            case succeed
            case fail(any Error)
            case acceptFirst(Int, any Error)
            case wait(Gate)
        }

        let kind: Kind

        /// Passes the messages on.
        public static let succeed = Step(kind: .succeed)

        /// Throws, having passed nothing on.
        public static func fail(_ error: any Error) -> Step { Step(kind: .fail(error)) }

        /// Passes on the first `count` messages and throws a ``PublishError`` that names the others.
        public static func acceptFirst(_ count: Int, then error: any Error) -> Step {
            Step(kind: .acceptFirst(count, error))
        }

        /// Waits until the gate opens, then passes the messages on: a slow sink.
        public static func wait(for gate: Gate) -> Step { Step(kind: .wait(gate)) }
    }

    public let name: String
    private let next: any Publisher

    private struct State {
        var script: [Step]
        var after: Step
        var calls = 0
    }

    private let state: Mutex<State>

    /// - Parameters:
    ///   - script: one step for each call, in order.
    ///   - after: what the calls do when the script has ended.
    ///   - next: takes what does not fail.
    public init(
        _ script: [Step], then after: Step = .succeed, name: String = "failing",
        passingOnTo next: any Publisher = RecordingPublisher()
    ) {
        self.name = name
        self.next = next
        state = Mutex(State(script: script, after: after))
    }

    /// That of the publisher that takes what does not fail.
    public var time: RouterTime? { next.time }

    /// How often `publish` was called.
    public var calls: Int { state.withLock(\.calls) }

    /// Replaces what is left of the script, as when a sink comes back.
    public func change(to script: [Step], then after: Step = .succeed) {
        state.withLock { state in
            state.script = script
            state.after = after
        }
    }

    public func publish(_ messages: [Message], to topic: Topic) async throws {
        let step = state.withLock { state in
            state.calls += 1
            return state.script.isEmpty ? state.after : state.script.removeFirst()
        }
        switch step.kind {
        case .succeed:
            try await next.publish(messages, to: topic)
        case .fail(let error):
            throw error
        case .acceptFirst(let count, let error):
            let count = min(max(0, count), messages.count)
            try await next.publish(Array(messages.prefix(count)), to: topic)
            throw PublishError(notAccepted: messages.dropFirst(count).map(\.id), underlying: error)
        case .wait(let gate):
            try await gate.wait()
            try await next.publish(messages, to: topic)
        }
    }

    public func close() async {
        await next.close()
    }
}
