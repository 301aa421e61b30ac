import SluiceTesting
import Testing

@testable import Sluice

/// Every number of every policy, changed while something waits by it.
@Suite(.timeLimit(.minutes(5)))
struct LivePolicyTests {
    static let cases =
        LiveCases.retry + LiveCases.throttle + LiveCases.timeout + LiveCases.deduplicator + LiveCases.destination
        + LiveCases.breaker + LiveCases.budget + LiveCases.concurrency + LiveCases.delayOnError + LiveCases.randomFail

    @Test(arguments: cases)
    func isInForceAtOnceForWhatWaits(_ number: LiveCase) async throws {
        try await VirtualTime.run(seed: 11) { time in try await number.body(time) }
    }

    /// A policy that gains a number gains a case.
    @Test func everyNumberHasACase() {
        let policies: [(String, Any)] = [
            ("Retry", Retry(schedule: [])), ("Throttle", Throttle(rate: 1, key: .id, slowdown: .halve())),
            ("Timeout", Timeout()), ("DelayOnError", DelayOnError()), ("RandomFail", RandomFail(0)),
            ("Deduplicator", Deduplicator(MemoryDeduplicationStore())),
            (
                "Destination",
                Destination.Configuration(breaker: CircuitBreaker(), concurrency: .fixed(1))
            ),
        ]
        let numbers = policies.flatMap { Self.numbers(in: $1, path: $0) }
        #expect(numbers.count >= 40)
        let fixed: Set = [
            "Deduplicator.store", "Deduplicator.key", "Deduplicator.scope", "Deduplicator.gathers", "Retry.onRetry",
        ]
        #expect(Set(numbers).subtracting(Self.cases.map(\.number)) == fixed)
        #expect(Set(Self.cases.map(\.number)).isSubset(of: numbers))
    }

    /// The paths of all fields that are not policies themselves.
    private static func numbers(in policy: Any, path: String) -> [String] {
        let mirror = Mirror(reflecting: policy)
        if mirror.displayStyle == .optional, let some = mirror.children.first {
            return numbers(in: some.value, path: path)
        }
        let isPolicy =
            switch policy {
            case is Retry, is DelayOnError, is RandomFail, is Throttle, is Throttle.Slowdown, is Timeout,
                is Deduplicator, is Destination.Configuration,
                is Destination.RetryAfter, is RetryBudget, is RetryBudget.Cost, is CircuitBreaker, is Concurrency,
                is Backoff:
                true
            default: false
            }
        guard isPolicy else { return [path] }
        return mirror.children.flatMap { numbers(in: $0.value, path: "\(path).\($0.label ?? "?")") }
    }
}
