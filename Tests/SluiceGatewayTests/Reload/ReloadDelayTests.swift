import Foundation
import GatewayTestSupport
import Sluice
import SluiceTesting
import Synchronization
import Testing

@testable import SluiceGateway

extension EndToEndUnderLoad {
    /// How long it takes until what a file says counts. That nothing waits for a time of its own on the way is shown in virtual
    /// time, for each number (`LivePolicyTests` of the library).
    struct ReloadDelayTests {
        private final class Moment: Sendable {
            let time = Mutex(ContinuousClock.now)
        }

        private static func text(_ slack: FakeSlack, rate: String) -> String {
            """
            sources: {github: {kind: github}}
            destinations: {chat: {throttle: {rate: \(rate)}}}
            sinks: {chat: {kind: slack, webhook: "\(slack.url)\(FakeSlack.path)"}}

            """
        }

        /// 100 ms are the goal, and a few are usual. The middle of several may take ten times as long on a busy machine; what
        /// waited for a poll or a timer would take seconds each time.
        @Test(.timeLimit(.minutes(10)))
        func aNumberCountsAtOnceAlsoForWhatWaits() async throws {
            let slack = try FakeSlack()
            let last = Moment()
            slack.behave { _ in
                last.time.withLock { $0 = .now }
                return .ordinary
            }
            let file = try FileForTests(Self.text(slack, rate: "1/h"))
            let delays = try await file.run { gateway in
                var delays: [Duration] = []
                for round in 1...15 {
                    // One may go at once; the other has to wait for an hour.
                    #expect(try await gateway.client.push([StubCommit(), StubCommit()]).status == 202)
                    try await eventually("one waits for its permit") {
                        try await gateway.metric(
                            "sluice_destination_limit_waiting", ["destination": "chat", "limit": "throttle"]) == 1
                            && slack.posts.count == 2 * round - 1
                    }
                    try file.write(Self.text(slack, rate: "1000000/s"), to: "next")
                    let start = ContinuousClock.now
                    guard rename("\(file.directory.path)/next", file.path) == 0 else {
                        throw TestFailure("cannot rename")
                    }
                    try await eventually("it is delivered") { slack.posts.count == 2 * round }
                    delays.append(last.time.withLock(\.self) - start)
                    try file.replace(Self.text(slack, rate: "1/h"))
                    // Counted when all of it is in force: the destination tells its rate a moment before permits come by it.
                    try await eventually("an hour again") {
                        try await gateway.metric("sluice_config_reloads_total", ["result": "success"]) ?? 0
                            >= Double(1 + 2 * round) && gateway.destination("chat").rate == 1.0 / 3_600
                    }
                }
                return delays.sorted()
            }
            print(
                "from a file's new name to a message's attempt: \(delays[delays.count / 2]), at most \(delays.last ?? .zero)"
            )
            #expect(delays[delays.count / 2] < .seconds(1))
        }
    }
}
