import Synchronization
import Testing

/// Waits until the condition holds; fails after the deadline.
func eventually(
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

struct NotInTime: Error {}

/// Raised once.
final class Flag: Sendable {
    private let raised = Atomic<Bool>(false)

    var isUp: Bool { raised.load(ordering: .acquiring) }

    func raise() {
        raised.store(true, ordering: .releasing)
    }
}
