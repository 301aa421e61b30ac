import Foundation
import GatewayTestSupport
import Sluice
import SluiceTesting
import Synchronization
import Testing

@testable import SluiceGateway

extension EndToEndUnderLoad {
    /// The configuration changes again and again while events come.
    struct ManyReloadsTests {
        /// The file of a step: numbers, orderings, filters and options change, and another sink comes and goes.
        private static func file(_ step: Int, _ slack: FakeSlack, _ other: FakeSlack) -> String {
            let orderings = ["serial", "unordered", "{key: repository, lanes: 8}", "{key: repository, lanes: 4}"]
            let only = step % 3 == 0 ? ", only: [{event: [commitPushed]}]" : ""
            // Only in order: the groups of the sink become two, and one again.
            let digest = step / 2 % 4 == 0 && step % 2 == 0 ? ", digest: true" : ""
            let name = step % 7 < 4 ? "chat" : "talk"
            return """
                sources:
                  github: {kind: github}
                defaults:
                  retry: {attempts: \(3 + step % 5)}
                  backoff: {transient: {from: 10ms, to: \(100 + step)ms}}
                  timeout: {attempt: \(20 + step % 9)s}
                  breaker: {consecutive_failures: \(3 + step % 4), open: {from: 10ms, to: 100ms}}
                destinations:
                  acme: {throttle: {rate: \(5_000 + step)/s, burst: \(10 + step % 7)}}
                sinks:
                  \(name):
                    {kind: slack, webhook: "\(slack.url)\(FakeSlack.path)", destination: acme, group: log-to-chat,
                     ordering: \(orderings[step / 2 % 4])\(only)\(digest)}

                """
                    + (step % 5 < 2
                        ? "  other: {kind: slack, webhook: \"\(other.url)\(FakeSlack.path)\", destination: acme}\n"
                        : "")
        }

        /// A thousand while events come at four fifths of what the sink takes: none is lost, and none is doubled.
        @Test(.timeLimit(.minutes(60)))
        func reloadsLoseAndDoubleNothingForLong() async throws {
            let (slack, other) = (try FakeSlack(), try FakeSlack())
            let file = try FileForTests(Self.file(0, slack, other))
            let count = Soak.count(1_000)
            try await file.run { gateway in
                let pushes = CountedPushes(gateway.client)
                func arrived() -> Bool { pushes.commits.count == slack.pushes.count }
                for number in 0..<20 { try await pushes.push(20, number: number) }
                let start = ContinuousClock.now
                let before = slack.pushes.count
                try await eventually("the first events") { arrived() }
                let taken = max(slack.pushes.count - before, 1)
                let rate = Double(taken) / max((ContinuousClock.now - start) / .seconds(1), 0.1)
                let pace = Duration.seconds(10 / (0.8 * rate))
                let begun = ContinuousClock.now
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
                        for step in 1...count {
                            try file.replace(Self.file(step, slack, other))
                            try await gateway.gateway.reload()
                            #expect(gateway.destination("acme").rate == Double(5_000 + step))
                        }
                    }
                    try await group.waitForAll()
                }
                try await eventually("everything has arrived", within: .seconds(600)) { arrived() }
                let reloads = try await gateway.metric("sluice_config_reloads_total", ["result": "success"]) ?? 0
                print("\(Int(reloads)) reloads: \(pushes.commits.count) events; the sink takes \(Int(rate)) a second")
                // The watcher may refuse files that drop `other` while messages wait for it.
                #expect(Int(reloads) > count)
                let pushed = slack.pushes
                #expect(pushes.commits.allSatisfy { pushed[$0.id] == 1 } && pushed.values.allSatisfy { $0 == 1 })
                #expect(other.pushes.values.allSatisfy { $0 == 1 })
            }
        }
    }
}
