import Synchronization

/// Tasks that push commits, and what of it was answered 202.
package final class PushLoad: Sendable {
    private struct State {
        var client: GatewayClient?
        var accepted: [String] = []
        var isOver = false
    }
    private let state = Mutex(State())

    /// More is not taken ahead of what was delivered: a busy machine takes faster than it delivers.
    private static let most = 200

    private let pace: Duration
    private let delivered: (@Sendable () -> Int)?

    /// - Parameters:
    ///   - pace: how long each task rests after a push.
    ///   - delivered: how many commits have arrived; the tasks rest while they are far ahead of it. Nil: they never do.
    package init(pace: Duration, delivered: (@Sendable () -> Int)? = nil) {
        self.pace = pace
        self.delivered = delivered
    }

    /// Where the program listens from now on; nil while it does not.
    package func send(to client: GatewayClient?) {
        state.withLock { $0.client = client }
    }

    /// Pushes two commits after the other two until it is over.
    package func run(_ number: Int) async {
        while true {
            let (client, isOver) = state.withLock { ($0.client, $0.isOver) }
            if isOver { return }
            let isAhead = delivered.map { count >= $0() + Self.most } ?? false
            guard let client, !isAhead else {
                try? await Task.sleep(for: .milliseconds(5))
                continue
            }
            let commits = [StubCommit(), StubCommit()]
            let answer = try? await client.push(commits, repository: "octo/\(number % 5)")
            if pace > .zero { try? await Task.sleep(for: pace) }
            // What was not answered may have been taken or not: it counts for nothing.
            guard answer?.status == 202 else { continue }
            state.withLock { $0.accepted += commits.map(\.id) }
        }
    }

    package func end() {
        state.withLock { $0.isOver = true }
    }

    package var accepted: [String] { state.withLock(\.accepted) }
    package var count: Int { state.withLock(\.accepted.count) }
}
