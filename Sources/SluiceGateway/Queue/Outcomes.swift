import Sluice
import Synchronization

/// How the last thing ended that was asked of a broker.
final class Outcomes: Sendable {
    private struct State {
        var failure: String?
        var last = MonotonicTime.now()
    }

    private let state = Mutex(State())

    /// Why it failed; nil when it succeeded.
    var failure: String? { state.withLock(\.failure) }

    /// For how long nothing was asked.
    var idleTime: Duration { .nanoseconds(MonotonicTime.now().nanoseconds(since: state.withLock(\.last))) }

    /// Runs `body` and notes how it ended.
    func note(_ body: () async throws -> Void) async {
        try? await noting(body)
    }

    /// The same, and passes the error on. What is the message's fault, and a cancellation, says nothing of the broker.
    func noting(_ body: () async throws -> Void) async throws {
        do {
            try await body()
            end(nil)
        } catch {
            let isOurs = error is CancellationError || error is ClosedError
            if !isOurs, !Disposition(of: error).isPermanent { end("\(error)") }
            throw error
        }
    }

    private func end(_ failure: String?) {
        state.withLock { $0 = State(failure: failure) }
    }
}

/// A publisher whose outcomes are noted.
final class WatchedPublisher: Publisher {
    private let publisher: any Publisher
    private let outcomes: Outcomes

    init(_ publisher: any Publisher, _ outcomes: Outcomes) {
        self.publisher = publisher
        self.outcomes = outcomes
    }

    var name: String { publisher.name }
    var messagingSystem: String { publisher.messagingSystem }
    var time: RouterTime? { publisher.time }

    func publish(_ messages: [Message], to topic: Topic) async throws {
        try await outcomes.noting { try await publisher.publish(messages, to: topic) }
    }

    func close() async {
        await publisher.close()
    }
}
