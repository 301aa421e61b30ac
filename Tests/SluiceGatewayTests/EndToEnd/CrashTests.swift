import Foundation
import GatewayTestSupport
import Glibc
import SluiceTesting
import Testing

extension EndToEndUnderLoad {
    struct CrashTests {
        @Test(.timeLimit(.minutes(10)))
        func whatWasAnswered202ReachesBothSinksHoweverOftenTheProgramIsKilled() async throws {
            let (grafana, slack, directory) = (try FakeGrafana(), try FakeSlack(), try TemporaryDirectory())
            let kills = 5
            // On a busy machine more is taken than delivered: what is pushed has to be delivered within the test.
            let load = PushLoad(pace: .milliseconds(30)) { grafana.pushes.count }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<6 { group.addTask { await load.run(number) } }
                defer { load.end() }
                for _ in 0..<kills {
                    let process = try SluiceProcess(sinkEnvironment(grafana, slack), in: directory)
                    let client = try await process.client()
                    let before = load.count
                    let annotated = grafana.annotations.count
                    load.send(to: client)
                    try await eventually("load") {
                        load.count > before + 100 && grafana.annotations.count > annotated + 20
                    }
                    process.signal(SIGKILL)
                    #expect(try await process.exitStatus() == -SIGKILL)
                    load.send(to: nil)
                }
            }
            // The last start is in this process, where Slack may be given more than one message a second.
            let accepted = load.accepted
            try await withGateway(in: directory, grafana: grafana, slack: slack) { gateway in
                try await eventually("everything accepted is in both sinks") {
                    let (annotations, messages) = (grafana.pushes, slack.pushes)
                    return accepted.allSatisfy { annotations[$0] != nil && messages[$0] != nil }
                }
            }
            let doubled = grafana.pushes.values.count { $0 > 1 }
            let doubledMessages = slack.pushes.values.reduce(0) { $0 + $1 - 1 }
            print(
                "kill -9, \(kills) times: \(accepted.count) accepted, \(doubled) doubled annotations, "
                    + "\(doubledMessages) doubled messages")
            #expect(doubled == 0)
            // Slack is given one message after the other: one in flight at each kill.
            #expect(doubledMessages <= kills)
        }
    }
}
