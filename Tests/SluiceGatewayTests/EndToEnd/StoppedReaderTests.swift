import Foundation
import GatewayTestSupport
import Glibc
import SluicePrometheus
import SluiceTesting
import Testing

extension EndToEnd {
    /// Standard error and standard output are pipes whose reader stops reading.
    struct StoppedReaderTests {
        /// The pipe is full long before the webhooks are over: at this level each has a line in it, and the console one more.
        private static let webhooks = 300

        private func start(
            _ errors: Pipe, _ output: Pipe, in directory: TemporaryDirectory
        ) async throws -> (SluiceProcess, GatewayClient) {
            let (webhooks, metrics) = (try HeldPort(), try HeldPort())
            for pipe in [errors, output] { shrink(pipe) }
            let process = try SluiceProcess(
                [
                    "LOG_LEVEL": "debug", "BIND_ADDR": "127.0.0.1:\(webhooks.number)",
                    "METRICS_BIND_ADDR": "127.0.0.1:\(metrics.number)", "SHUTDOWN_TIMEOUT": "1",
                ],
                in: directory, standardOutput: output.fileHandleForWriting,
                standardError: errors.fileHandleForWriting)
            // So that the pipe ends with the program.
            for pipe in [errors, output] { try pipe.fileHandleForWriting.close() }
            let client = GatewayClient(webhooksPort: Int(webhooks.number), metricsPort: Int(metrics.number))
            try await client.waitUntilReady()
            withExtendedLifetime((webhooks, metrics)) {}
            return (process, client)
        }

        private func shrink(_ pipe: Pipe) {
            // F_SETPIPE_SZ, which is a GNU extension.
            _ = fcntl(pipe.fileHandleForWriting.fileDescriptor, 1_031, 4_096)
        }

        private func goesOn(_ client: GatewayClient) async throws {
            for _ in 0..<Self.webhooks {
                let answer = try await client.push([StubCommit()])
                guard answer.status == 202 else { throw TestFailure("a webhook got \(answer.status)") }
            }
            let health = try await client.send("GET", "/healthz", port: client.metricsPort, type: nil)
            #expect(health.status == 200)
            #expect(try await client.ready().status == 200)
            #expect(try await client.metric("sluice_log_lines_dropped_total") == 0)
        }

        @Test(.timeLimit(.minutes(10)))
        func aReaderThatStopsStopsNothing() async throws {
            let (errors, output, directory) = (Pipe(), Pipe(), try TemporaryDirectory())
            let (process, client) = try await start(errors, output, in: directory)
            try await goesOn(client)
            // Until it reads again, nothing is lost.
            let (log, console) = (try PipeReader(errors), try PipeReader(output))
            try await eventually("the console has each event") {
                try await client.metric(
                    "sluice_deliveries_total", ["handler_name": "log-to-console", "outcome": "acked"])
                    == Double(Self.webhooks)
            }
            process.signal(SIGTERM)
            #expect(try await process.exitStatus() == 0)
            let lines = await log.lines()
            #expect(lines.last?.contains("message=stopped") == true, "\(lines.last ?? "")")
            #expect(lines.count { $0.contains("handler_name=github-to-log") } >= Self.webhooks)
            #expect(await console.lines().count == Self.webhooks)
        }

        @Test(.timeLimit(.minutes(10)))
        func aReaderThatNeverReadsAgainDoesNotKeepTheProgram() async throws {
            let (errors, output, directory) = (Pipe(), Pipe(), try TemporaryDirectory())
            let (process, client) = try await start(errors, output, in: directory)
            try await goesOn(client)
            process.signal(SIGTERM)
            #expect(try await process.exitStatus() == 0)
            withExtendedLifetime((errors, output)) {}
        }

        @Test(.timeLimit(.minutes(10)))
        func aReaderThatIsGoneEndsNothing() async throws {
            let (errors, output, directory) = (Pipe(), Pipe(), try TemporaryDirectory())
            let (process, client) = try await start(errors, output, in: directory)
            for pipe in [errors, output] { try pipe.fileHandleForReading.close() }
            for _ in 0..<10 { #expect(try await client.push([StubCommit()]).status == 202) }
            try await eventually("lost lines are counted") {
                try await client.metric("sluice_log_lines_dropped_total") ?? 0 > 0
            }
            process.signal(SIGTERM)
            #expect(try await process.exitStatus() == 0)
        }

        /// An error before the end is in the log however soon the program ends after it.
        @Test func theLastLineIsWritten() async throws {
            let (directory, other) = (try TemporaryDirectory(), try TestHTTPServer())
            defer { other.stop() }
            for _ in 0..<5 {
                let process = try SluiceProcess(["BIND_ADDR": "127.0.0.1:\(other.port)"], in: directory)
                #expect(try await process.exitStatus() == 1)
                #expect(process.errors.split(separator: "\n").last?.contains("level=critical") == true)
            }
        }
    }
}
