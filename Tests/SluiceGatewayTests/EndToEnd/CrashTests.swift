import Foundation
import Synchronization
import Testing

#if canImport(Glibc)
    import Glibc
#endif

extension EndToEnd {
    struct CrashTests {
        /// What was answered 202, and where the program listens now.
        final class Load: Sendable {
            struct State {
                var client: GatewayClient?
                var accepted: [String] = []
                var isOver = false
            }
            let state = Mutex(State())

            /// Pushes one commit after the other until it is over.
            func run(_ number: Int) async {
                while true {
                    let (client, isOver) = state.withLock { ($0.client, $0.isOver) }
                    if isOver { return }
                    guard let client else {
                        try? await Task.sleep(for: .milliseconds(5))
                        continue
                    }
                    let commits = [StubCommit(), StubCommit()]
                    let answer = try? await client.push(commits, repository: "octo/\(number % 5)")
                    // What was not answered may have been taken or not: it counts for nothing.
                    guard answer?.status == 202 else { continue }
                    state.withLock { $0.accepted += commits.map(\.id) }
                }
            }

            var count: Int { state.withLock { $0.accepted.count } }
        }

        @Test(.timeLimit(.minutes(1)))
        func whatWasAnswered202ReachesBothSinksHoweverOftenTheProgramIsKilled() async throws {
            let (grafana, slack, directory) = (try FakeGrafana(), try FakeSlack(), try TemporaryDirectory())
            let kills = 5
            let load = Load()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<6 { group.addTask { await load.run(number) } }
                defer { load.state.withLock { $0.isOver = true } }
                for _ in 0..<kills {
                    let process = try SluiceProcess(sinkEnvironment(grafana, slack), in: directory)
                    let client = try await process.client()
                    let before = load.count
                    let annotated = grafana.annotations.count
                    load.state.withLock { $0.client = client }
                    try await eventually("load") {
                        load.count > before + 100 && grafana.annotations.count > annotated + 20
                    }
                    process.signal(SIGKILL)
                    #expect(try await process.exitStatus() == -SIGKILL)
                    load.state.withLock { $0.client = nil }
                }
            }
            // The last start is in this process, where Slack may be given more than one message a second.
            let accepted = load.state.withLock { $0.accepted }
            try await withGateway(in: directory, grafana: grafana, slack: slack) { gateway in
                try await eventually(within: .seconds(30), "everything accepted is in both sinks") {
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
