import Synchronization
package import Testing

/// Waits until the condition holds; fails after the deadline.
package func eventually(
    within limit: Duration = .seconds(10), _ what: @autoclosure () -> String,
    sourceLocation: SourceLocation = #_sourceLocation, _ condition: () async throws -> Bool
) async throws {
    let end = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < end else {
            Issue.record("not within \(limit): \(what())", sourceLocation: sourceLocation)
            throw NotInTime()
        }
        try await Task.sleep(for: .milliseconds(5))
    }
}

package struct NotInTime: Error {
    package init() {}
}

/// Raised once.
package final class Flag: Sendable {
    private let raised = Atomic<Bool>(false)

    package init() {}

    package var isUp: Bool { raised.load(ordering: .acquiring) }

    package func raise() {
        raised.store(true, ordering: .releasing)
    }
}
