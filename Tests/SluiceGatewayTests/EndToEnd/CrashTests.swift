import Foundation
import GatewayTestSupport
import Glibc
import Sluice
import SluiceSQLite
import SluiceTesting
import Testing

@testable import SluiceGateway

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

        /// What such a sink was given is committed together: no more than that comes twice.
        @Test(.timeLimit(.minutes(10)))
        func aSinkOnThisMachineGetsWhatOneCommitHoldsTwiceAtMost() async throws {
            let (directory, kills, count) = (try TemporaryDirectory(), 6, 30_000)
            let output = directory.path + "/lines"
            func start() throws -> SluiceProcess {
                let descriptor = open(output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
                return try SluiceProcess(
                    [:], in: directory,
                    standardOutput: FileHandle(fileDescriptor: descriptor, closeOnDealloc: true))
            }
            /// How often each commit was printed.
            func printed() -> [Substring: Int] {
                let text = String(decoding: FileManager.default.contents(atPath: output) ?? Data(), as: UTF8.self)
                let commits = text.split(separator: "\n").compactMap { $0.split(separator: " ").dropFirst().first }
                return commits.reduce(into: [:]) { $0[$1, default: 0] += 1 }
            }
            // The sink is new, and begins with what comes from here on.
            let first = try start()
            _ = try await first.client()
            first.signal(SIGTERM)
            #expect(try await first.exitStatus() == 0)
            let log = try SQLiteLog.open(.init(path: directory.path + "/data/events.sqlite"))
            let publisher = log.publisher()
            for start in stride(from: 0, to: count, by: 1_000) {
                let events = (start..<start + 1_000).map { number in
                    Event.commitPushed(
                        CommitPushed(
                            id: String(100_000_000_000 + number) + String(repeating: "0", count: 28), message: "",
                            author: "", occurredOn: .now(), repository: "acme/\(number % 50)"))
                }
                try await publisher.publish(events.map { $0.message() }, to: "events")
            }
            await log.close()
            for _ in 0..<kills {
                let process = try start()
                let before = printed().count
                // A quick machine has printed them all before the last kill.
                try await eventually("lines") {
                    let now = printed().count
                    return now > before + 2_000 || now == count
                }
                process.signal(SIGKILL)
                #expect(try await process.exitStatus() == -SIGKILL)
            }
            let last = try start()
            // All may be printed before it has begun.
            _ = try await last.client()
            try await eventually("everything is printed") { printed().count == count }
            last.signal(SIGTERM)
            #expect(try await last.exitStatus() == 0)
            let counts = printed()
            #expect(counts.count == count)
            let doubled = counts.values.reduce(0) { $0 + $1 - 1 }
            print("kill -9, \(kills) times: \(count) published, \(doubled) lines doubled")
            #expect(doubled <= kills * 256)
        }
    }
}
