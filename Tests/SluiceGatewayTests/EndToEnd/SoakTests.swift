import Foundation
import GatewayTestSupport
import Sluice
import SluicePrometheus
import SluiceTesting
import Testing

#if canImport(Glibc)
    import Glibc
#endif

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
                try await client.metrics().value(
                    "sluice_consumer_lag_messages", ["handler_name": "log-to-grafana", "topic": "events"]) == 0
            }
            print("\(accepted) webhooks: \(warm >> 20) MiB after 100, \(largest >> 20) MiB at most")
            #expect(largest < 512 << 20)
            #expect(largest < warm + 150 << 20)
            process.signal(SIGTERM)
            #expect(try await process.exitStatus() == 0)
        }
    }
}
