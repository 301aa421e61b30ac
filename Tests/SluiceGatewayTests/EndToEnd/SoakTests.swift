import Foundation
import GatewayTestSupport
import Glibc
import Sluice
import SluicePrometheus
import SluiceTesting
import Testing

extension EndToEndUnderLoad {
    struct SoakTests {
        /// Sixty thousand webhooks, large ones among them, and a log without a reader: the program is as large as it was.
        @Test(.timeLimit(.minutes(60)))
        func theProgramDoesNotGrowForLong() async throws {
            let (grafana, directory, errors) = (try FakeGrafana(), try TemporaryDirectory(), Pipe())
            let (webhooks, metrics) = (try HeldPort(), try HeldPort())
            let process = try SluiceProcess(
                sinkEnvironment(grafana, nil).merging([
                    "LOG_LEVEL": "debug", "BIND_ADDR": "127.0.0.1:\(webhooks.number)",
                    "METRICS_BIND_ADDR": "127.0.0.1:\(metrics.number)", "EVENT_RETENTION": "0.01",
                ]) { $1 }, in: directory, standardError: errors.fileHandleForWriting)
            try errors.fileHandleForWriting.close()
            let client = GatewayClient(webhooksPort: Int(webhooks.number), metricsPort: Int(metrics.number))
            try await client.waitUntilReady()
            withExtendedLifetime((webhooks, metrics)) {}
            let padding = String(repeating: "x", count: 2_000_000)
            var accepted = 0
            func push() async throws {
                var commits = (0..<20).map { _ in StubCommit() }
                if accepted % 50 == 0 { commits[0].message = padding }
                let answer = try await client.push(commits, repository: "octo/\(accepted % 7)")
                #expect(answer.status == 202)
                accepted += 1
            }
            // What it needs at once it has needed then.
            for _ in 0..<100 { try await push() }
            let warm = process.residentMemory
            var largest = warm
            for _ in 0..<Soak.count(60_000) {
                try await push()
                largest = max(largest, process.residentMemory)
            }
            try await eventually("everything is delivered", within: .seconds(600)) {
                try await client.metric(
                    "sluice_consumer_lag_messages", ["handler_name": "log-to-grafana", "topic": "events"]) == 0
            }
            print("\(accepted) webhooks: \(warm >> 20) MiB after 100, \(largest >> 20) MiB at most")
            #expect(largest < 512 << 20)
            #expect(largest < warm + 150 << 20)
            process.signal(SIGTERM)
            #expect(try await process.exitStatus() == 0)
        }

        /// Half an hour of webhooks while the page is polled and `sluice top` and `sluice tap` are open.
        @Test(.timeLimit(.minutes(60)))
        func theProgramDoesNotGrowWhileItIsWatchedForLong() async throws {
            let (grafana, directory) = (try FakeGrafana(), try TemporaryDirectory())
            let process = try SluiceProcess(
                sinkEnvironment(grafana, nil).merging(["EVENT_RETENTION": "0.01"]) { $1 }, in: directory)
            let client = try await process.client()
            let program = try #require(SluiceProcess.executable).path
            let nowhere = FileHandle(forWritingAtPath: "/dev/null")
            let tap = try SluiceProcess([:], ["tap"], in: directory, standardOutput: nowhere)
            // It wants a terminal.
            let top = Process()
            top.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            top.arguments = [
                "script", "-qefc", "'\(program)' top --address 127.0.0.1:\(client.metricsPort)", "/dev/null",
            ]
            (top.standardInput, top.standardOutput) = (Pipe(), nowhere)
            try top.run()
            defer { top.terminate() }
            var warm = 0
            var largest = 0
            var accepted = 0
            let clock = ContinuousClock()
            let (start, seconds) = (clock.now, Soak.count(1_800))
            for second in 0..<seconds {
                for _ in 0..<20 {
                    #expect(try await client.push([StubCommit()], repository: "octo/\(accepted % 7)").status == 202)
                    accepted += 1
                }
                for path in ["/", "/status.json"] where second % 2 == 0 {
                    let page = try await client.send(
                        "GET", path, port: client.metricsPort, type: nil, headers: [("Accept-Encoding", "gzip")])
                    #expect(page.status == 200)
                }
                // What it needs at once, and the rings that fill, it has after a tenth.
                if second == seconds / 10 { warm = process.residentMemory }
                largest = max(largest, process.residentMemory)
                try await clock.sleep(until: start + .seconds(second + 1))
            }
            #expect(tap.isRunning && top.isRunning)
            print("\(accepted) webhooks, watched: \(warm >> 20) MiB after a tenth, \(largest >> 20) MiB at most")
            #expect(largest < warm + 48 << 20)
            tap.signal(SIGINT)
            process.signal(SIGTERM)
            #expect(try await process.exitStatus() == 0)
        }
    }
}
