import Foundation
import SluiceTesting
import Synchronization
import Testing

@testable import Sluice

/// Budget, breaker, gate, limits, hand-back and changes together, in courses of events that are drawn: nothing is lost or
/// doubled, orders are kept, and all of them end.
@Suite(.timeLimit(.minutes(30)))
struct RandomScenarioTests {
    /// Ten thousand in `make soak`, which runs the tests that are named so. `SLUICE_SCENARIO=1234` plays one of them, and
    /// `SLUICE_SCENARIO=1000-1999` some.
    private static let seeds: Range<UInt64> = {
        let environment = ProcessInfo.processInfo.environment
        let ends = environment["SLUICE_SCENARIO"].map { $0.split(separator: "-").compactMap { UInt64($0) } } ?? []
        if let first = ends.first, let last = ends.last, first <= last { return first..<last + 1 }
        return 0..<(environment["SLUICE_SOAK"] == nil ? 300 : 10_000)
    }()

    /// What is still to be played, and what has failed.
    private final class Series: Sendable {
        private let state: Mutex<(next: UInt64, failures: [(scenario: RandomScenario, problems: [String])])>
        private let end: UInt64

        init(_ seeds: Range<UInt64>) {
            state = Mutex((seeds.lowerBound, []))
            end = seeds.upperBound
        }

        /// Nil when there is none, or enough have failed.
        func next() -> UInt64? {
            state.withLock { state in
                guard state.next < end, state.failures.count < 3 else { return nil }
                defer { state.next += 1 }
                return state.next
            }
        }

        func note(_ scenario: RandomScenario, _ problems: [String]) {
            state.withLock { $0.failures.append((scenario, problems)) }
        }

        var failures: [(scenario: RandomScenario, problems: [String])] { state.withLock(\.failures) }
        var isPlayed: Bool { state.withLock { $0.next == end } }
    }

    @Test func nothingIsLostDoubledOrDisorderedForLong() async throws {
        let series = Series(Self.seeds)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<2 {
                group.addTask {
                    while let seed = series.next() {
                        let scenario = RandomScenario(seed: seed)
                        let problems = await scenario.problems()
                        if !problems.isEmpty { series.note(scenario, problems) }
                    }
                }
            }
        }
        for (scenario, problems) in series.failures {
            let small = await scenario.shrunk { await !$0.problems().isEmpty }
            let rest = await small.problems()
            Issue.record("\(scenario.seed): \(problems)\nshrunk to \(small)\n\(rest)")
        }
        #expect(series.isPlayed || !series.failures.isEmpty)
    }

    /// One seed is one course of events.
    @Test func aSeedRepeatsItsScenario() {
        for seed in UInt64(0)..<50 {
            #expect("\(RandomScenario(seed: seed))" == "\(RandomScenario(seed: seed))")
        }
        #expect(Set((UInt64(0)..<50).map { "\(RandomScenario(seed: $0))" }).count == 50)
    }

    /// What fails is told as small as it can be made.
    @Test func aScenarioThatFailsIsMadeSmaller() async throws {
        let large = try #require(
            (UInt64(0)..<1_000).lazy.map(RandomScenario.init(seed:)).first {
                $0.troubles.contains { $0.kind == .hangs } && $0.messages > 20 && $0.routes.count == 3
            })
        let small = await large.shrunk { $0.troubles.contains { $0.kind == .hangs } && $0.messages >= 7 }
        #expect(small.messages == 7 && small.routes.count == 1 && small.troubles.map(\.kind) == [.hangs])
        #expect(small.changes.isEmpty && small.poison.isEmpty && small.timeout == nil)
        #expect(small.destination.breaker == nil && small.destination.budget == nil)
    }

    /// The checks find what they are for: a route whose messages are lost, doubled, or out of order.
    @Test func aFaultIsFound() async throws {
        var scenario = RandomScenario()
        scenario.messages = 5
        #expect(await scenario.problems() == [])
        // Refused in words that name it, which the checks do not expect.
        var poisoned = scenario
        poisoned.troubles = [.init(destination: 0, kind: .fails, from: .zero, to: .seconds(10))]
        poisoned.retry.maxAttempts = 1
        poisoned.retry.exhaustion = .poison
        #expect(await poisoned.problems().contains { $0.contains("poisons [0") })
    }
}
