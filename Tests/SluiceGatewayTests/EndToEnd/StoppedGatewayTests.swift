import GatewayTestSupport
import Glibc
import Sluice
import SluicePrometheus
import SluiceTesting
import Testing

@testable import SluiceGateway

extension EndToEnd {
    struct StoppedGatewayTests {
        /// A process that is stopped for longer than its session wakes up with messages in its hands that another gateway has
        /// delivered by then. Slack gets nothing twice but, at most, the one that was under way; and it takes its share again.
        ///
        /// How much the second holds when it is stopped depends on the machine's load: a part of `make soak` alone.
        @Test(.timeLimit(.minutes(10)), .enabled(if: Soak.isWhole, "a part of make soak"))
        func aGatewayLeavesToTheOtherWhatIsNotItsOwnAfterItWasStoppedForLong() async throws {
            let (slack, directories) = (try FakeSlack(), [try TemporaryDirectory(), try TemporaryDirectory()])
            let kafka = try KafkaForTests(realGroups: true)
            try await withGateway(in: directories[0], slack: slack) {
                kafka.use(in: &$0)
            } _: { first in
                // This one posts a message a second.
                let second = try SluiceProcess(
                    sinkEnvironment(nil, slack).merging(kafka.environment) { $1 }, in: directories[1])
                let client = try await second.client()
                func deliveries(_ outcome: String) async throws -> Double {
                    let labels = ["handler_name": "log-to-slack", "outcome": outcome]
                    return try await client.metric("sluice_deliveries_total", labels) ?? 0
                }
                var accepted: [String] = []
                func push(_ count: Int) async throws {
                    for number in 0..<count {
                        let commit = StubCommit()
                        let answer = try await first.client.push([commit], repository: "octo/\(number)")
                        #expect(answer.status == 202)
                        accepted.append(commit.id)
                    }
                }
                try await eventually("the second shares the work") {
                    try await push(4)
                    return try await deliveries("acked") >= 1
                }
                try await push(40)
                let before = try await deliveries("acked")
                try await eventually("the second has more in its hands") { try await deliveries("acked") > before }
                second.signal(SIGSTOP)
                try await eventually("the first delivers everything") {
                    let pushes = slack.pushes
                    return accepted.allSatisfy { pushes[$0] != nil }
                }
                second.signal(SIGCONT)
                try await eventually("the second drops what it held") {
                    try await deliveries("revoked") > 5
                }
                let after = try await deliveries("acked")
                try await eventually("the second shares the work again") {
                    try await push(4)
                    return try await deliveries("acked") > after
                }
                try await eventually("all of it") {
                    let pushes = slack.pushes
                    return accepted.allSatisfy { pushes[$0] != nil }
                }
                #expect(slack.pushes.values.reduce(0, +) <= accepted.count + 1)
                second.signal(SIGTERM)
                #expect(try await second.exitStatus() == 0)
            }
        }
    }
}
