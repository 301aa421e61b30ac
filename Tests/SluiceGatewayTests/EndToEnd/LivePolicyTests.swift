import Foundation
import GatewayTestSupport
import Sluice
import SluiceTesting
import Synchronization
import Testing

@testable import SluiceGateway

extension EndToEndUnderLoad {
    /// Policies change while events are under way in a real gateway.
    struct LivePolicyTests {
        private final class Requests: Sendable {
            private let state = Mutex(0)

            var count: Int { state.withLock(\.self) }

            func add() -> Int {
                state.withLock { state in
                    state += 1
                    return state
                }
            }
        }

        /// A thousand changes while events come at four fifths of what the sink takes: none is lost, and none is doubled.
        @Test(.timeLimit(.minutes(10)))
        func aThousandChangesLoseAndDoubleNothing() async throws {
            let (grafana, directory) = (try FakeGrafana(), try TemporaryDirectory())
            let commits = try await withGateway(in: directory, grafana: grafana) { running in
                let pushes = CountedPushes(running.client)
                func arrived() -> Bool { pushes.commits.count == grafana.pushes.count }
                // What the sink takes, with what a commit costs it.
                for number in 0..<40 { try await pushes.push(20, number: number) }
                let start = ContinuousClock.now
                let before = grafana.pushes.count
                try await eventually("the first events") { arrived() }
                let taken = grafana.pushes.count - before
                let rate = Double(max(taken, 1)) / max((ContinuousClock.now - start) / .seconds(1), 0.001)
                // From now on it also fails, and asks to slow down.
                let requests = Requests()
                grafana.behave { _ in
                    let count = requests.add()
                    if count.isMultiple(of: 211) { return .status(503) }
                    if count.isMultiple(of: 1_009) { return .status(429, headers: ["Retry-After": "0.1"]) }
                    return .ordinary
                }
                let pace = Duration.seconds(10 / (0.8 * rate))
                let begun = ContinuousClock.now
                let control = try #require(running.gateway.sinks.all.first)
                let isOver = Flag()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        var number = 0
                        while !isOver.isUp {
                            try await pushes.push(10, number: number)
                            number += 1
                            try await Task.sleep(until: begun + pace * number)
                        }
                    }
                    group.addTask {
                        defer { isOver.raise() }
                        for step in 0..<1_000 {
                            try Self.change(step, control)
                            try await Task.sleep(for: .milliseconds(10))
                        }
                    }
                    try await group.waitForAll()
                }
                let pushed = Double(pushes.commits.count - taken) / ((ContinuousClock.now - begun) / .seconds(1))
                grafana.behave { _ in .ordinary }
                try control.destination.update(Destination.Configuration(budget: nil))
                try await eventually("everything has arrived") { arrived() }
                print(
                    "1,000 changes: \(pushes.commits.count) events at \(Int(pushed)) a second, \(requests.count) requests; "
                        + "the sink takes \(Int(rate)) a second")
                return pushes.commits
            }
            let taken = grafana.pushes
            #expect(commits.allSatisfy { taken[$0.id] == 1 } && taken.values.allSatisfy { $0 == 1 })
        }

        private static func change(_ step: Int, _ control: RunningSinks.Running) throws {
            let draw = Double.random(in: 0...1)
            switch step % 8 {
            case 0:
                try control.policies.retry.update {
                    $0.backoff = .exponential(from: .milliseconds(1 + Int64(draw * 300)), upTo: .seconds(2))
                }
            case 1: try control.policies.retry.update { $0.handBackAfter = draw < 0.5 ? .zero : .seconds(2) }
            case 2: try control.policies.timeout.update { $0.deadline = .seconds(5 + Int64(draw * 20)) }
            case 3: try control.policies.deduplicator.update { $0.window = .seconds(3_600 + Int64(draw * 3_600)) }
            case 4: try control.destination.update { $0.concurrency = draw < 0.3 ? nil : .fixed(4 + Int(draw * 8)) }
            case 5:
                try control.destination.update {
                    $0.throttle = draw < 0.3 ? nil : Throttle(rate: 3_000 + draw * 3_000, burst: 20, slowdown: .halve())
                }
            case 6:
                try control.destination.update {
                    $0.breaker =
                        draw < 0.3
                        ? nil
                        : CircuitBreaker(
                            consecutiveFailures: 2 + Int(draw * 8),
                            open: .exponential(from: .milliseconds(20), upTo: .milliseconds(300)))
                }
            default:
                try control.destination.update {
                    $0.budget = draw < 0.3 ? nil : RetryBudget(ratio: draw, floor: 5 + draw * 50)
                }
            }
        }
    }
}
