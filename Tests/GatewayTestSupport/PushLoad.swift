import Synchronization

/// Tasks that push commits, and what of it was answered 202.
package final class PushLoad: Sendable {
    private struct State {
        var client: GatewayClient?
        var accepted: [String] = []
        var isOver = false
    }
    private let state = Mutex(State())

    private let pace: Duration

    /// - Parameter pace: how long each task rests after a push.
    package init(pace: Duration = .zero) {
        self.pace = pace
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
            guard let client else {
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
