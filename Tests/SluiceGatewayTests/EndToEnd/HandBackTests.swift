import Foundation
import GatewayTestSupport
import Glibc
import SluiceTesting
import Synchronization
import Testing

extension EndToEnd {
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
                    return requests.count == 1 ? .status(429, headers: ["Retry-After": "45"]) : .ordinary
                }
            }
            var commits: [StubCommit] = []
            for run in 0..<2 {
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
                try await Task.sleep(for: .milliseconds(1_500))
                process.signal(SIGKILL)
                #expect(try await process.exitStatus() == -SIGKILL)
            }
            #expect(requests.withLock(\.count) == 1, "asked before the time that it named")
            let process = try SluiceProcess(sinkEnvironment(nil, slack), in: directory)
            try await eventually("everything is in Slack") { slack.pushes.count == 4 }
            let (first, second) = requests.withLock { ($0[0], $0[1]) }
            #expect(second - first >= .milliseconds(44_990), "\(second - first)")
            // In order, and each once: the one that waits holds up those behind it.
            let order = slack.texts.compactMap { text in commits.firstIndex { text.contains($0.id.prefix(12)) } }
            #expect(order == [0, 1, 2, 3], "\(slack.texts)")
            process.signal(SIGTERM)
            #expect(try await process.exitStatus() == 0)
        }

        /// Grafana is dead, and Slack is shut by 429s: the program is killed again and again while events wait. What the file
        /// says of an event's next attempt is kept by the next process.
        @Test(
            .timeLimit(.minutes(20)), .enabled(if: Soak.isWhole, "a part of make soak"))
        func everyDueTimeIsKeptThroughKillsForLong() async throws {
            let (grafana, slack, directory) = (try FakeGrafana(), try FakeSlack(), try TemporaryDirectory())
            let isWell = Flag()
            let posts = Mutex<[Date]>([])
            grafana.behave { _ in
                posts.withLock { $0.append(Date()) }
                return isWell.isUp ? .ordinary : .status(503)
            }
            slack.behave { _ in isWell.isUp ? .ordinary : .status(429, headers: ["Retry-After": "20"]) }
            let due =
                "SELECT p.due FROM progress p JOIN groups g ON g.id = p.consumer_group WHERE g.name = 'log-to-grafana'"
            let commit = StubCommit()
            var waits: [Double] = []
            for run in 0..<6 {
                let process = try SluiceProcess(sinkEnvironment(grafana, slack), in: directory)
                let client = try await process.client()
                if run == 0 { #expect(try await client.push([commit]).status == 202) }
                var next = Date.distantPast
                try await eventually("the event of Grafana waits, without a worker") {
                    let row = try await runTool(
                        ["sqlite3", "-readonly", "\(directory.path)/data/events.sqlite", due], in: directory)
                    next =
                        Double(row.output.trimmingCharacters(in: .whitespacesAndNewlines)).map {
                            Date(timeIntervalSince1970: $0 / 1_000)
                        } ?? .distantPast
                    return next.timeIntervalSinceNow > 3
                }
                process.signal(SIGKILL)
                #expect(try await process.exitStatus() == -SIGKILL)
                let before = posts.withLock(\.count)
                let another = try SluiceProcess(sinkEnvironment(grafana, slack), in: directory)
                try await eventually("the next attempt") { posts.withLock(\.count) > before }
                let attempt = posts.withLock { $0[before] }
                waits.append(attempt.timeIntervalSince(next))
                another.signal(SIGKILL)
                #expect(try await another.exitStatus() == -SIGKILL)
            }
            print("attempts after their due times, in seconds: \(waits)")
            #expect(waits.allSatisfy { $0 > -0.01 })
            isWell.raise()
            let process = try SluiceProcess(sinkEnvironment(grafana, slack), in: directory)
            try await eventually("it arrives in both") {
                grafana.pushes[commit.id] == 1 && slack.pushes[commit.id] == 1
            }
            process.signal(SIGTERM)
            #expect(try await process.exitStatus() == 0)
        }
    }
}
