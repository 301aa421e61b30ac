import Synchronization
import Testing

/// Pushes to a gateway, and what was pushed.
package final class CountedPushes: Sendable {
    private let client: GatewayClient
    private let state = Mutex<[StubCommit]>([])

    package init(_ client: GatewayClient) {
        self.client = client
    }

    package var commits: [StubCommit] { state.withLock(\.self) }

    /// - Parameter number: of the push, from which its repository follows.
    package func push(_ count: Int, number: Int) async throws {
        let fresh = (0..<count).map { _ in StubCommit() }
        #expect(try await client.push(fresh, repository: "octo/r\(number % 20)").status == 202)
        state.withLock { $0 += fresh }
    }
}
