import Foundation
import GatewayTestSupport
import SluiceTesting
import Synchronization
import Testing

#if canImport(Glibc)
    import Glibc
#endif

extension EndToEndUnderLoad {
    /// What waits long for its next attempt waits on in the next process.
    struct HandBackTests {
        /// Slack names a time; the program is killed meanwhile, and the next one keeps it.
        @Test(.timeLimit(.minutes(10)))
        func aTimeThatSlackHasNamedIsKeptThroughKills() async throws {
            let (slack, directory) = (try FakeSlack(), try TemporaryDirectory())
            let requests = Mutex<[ContinuousClock.Instant]>([])
            slack.behave { _ in
                requests.withLock { requests in
                    requests.append(.now)
                    // Longer than an event keeps its worker.
                    return requests.count == 1 ? .status(429, headers: ["Retry-After": "25"]) : .ordinary
                }
            }
            var commits: [StubCommit] = []
            for run in 0..<3 {
                let process = try SluiceProcess(sinkEnvironment(nil, slack), in: directory)
                let client = try await process.client()
                if run == 0 {
                    for _ in 0..<4 {
                        let commit = StubCommit()
                        commits.append(commit)
                        #expect(try await client.push([commit]).status == 202)
                    }
                    try await eventually("the answer 429") { requests.withLock(\.count) == 1 }
                }
                // What was handed back is in the file with the next commit, within a second.
                try await eventually("the event waits without a worker") {
                    let metrics = try await client.metrics()
                    return metrics.value("sluice_destination_waiting", ["destination": "slack"]) ?? 0 >= 1
                }
                try await Task.sleep(for: .seconds(2))
                process.signal(SIGKILL)
                #expect(try await process.exitStatus() == -SIGKILL)
            }
            #expect(requests.withLock(\.count) == 1, "asked before the time that it named")
            let process = try SluiceProcess(sinkEnvironment(nil, slack), in: directory)
            try await eventually("everything is in Slack") { slack.pushes.count == 4 }
            let (first, second) = requests.withLock { ($0[0], $0[1]) }
            #expect(second - first >= .milliseconds(24_990), "\(second - first)")
            // In order, and each once: the one that waits holds up those behind it.
            let order = slack.texts.compactMap { text in commits.firstIndex { text.contains($0.id.prefix(12)) } }
            #expect(order == [0, 1, 2, 3], "\(slack.texts)")
            process.signal(SIGTERM)
            #expect(try await process.exitStatus() == 0)
        }
    }
}
