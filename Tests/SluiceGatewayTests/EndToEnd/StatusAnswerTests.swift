import Foundation
import GatewayTestSupport
import Sluice
import SluiceHTTP
import SluiceTesting
import Testing

@testable import SluiceGateway

extension EndToEnd {
    /// How the status is answered, and what of it outlives a process.
    struct StatusAnswerTests {
        @Test func itIsCompressedForThoseWhoTakeThat() async throws {
            let directory = try TemporaryDirectory()
            try await withGateway(in: directory, grafana: try FakeGrafana()) { gateway in
                let client = gateway.client
                func ask(_ path: String, _ accept: String, _ encoding: String?) async throws -> GatewayClient.Answer {
                    let answer = try await client.send(
                        "GET", path, port: client.metricsPort, type: nil,
                        headers: [("Accept", accept)] + (encoding.map { [("Accept-Encoding", $0)] } ?? []))
                    #expect(answer.status == 200 && answer.headers["Vary"] == "Accept, Accept-Encoding")
                    return answer
                }
                for (path, accept) in [("/", "text/html"), ("/status.json", "*/*")] {
                    let plain = try await ask(path, accept, nil)
                    #expect(plain.headers["Content-Encoding"] == nil)
                    for encoding in ["identity", "gzip;q=0", "br"] {
                        #expect(try await ask(path, accept, encoding).headers["Content-Encoding"] == nil)
                    }
                    let packed = try await ask(path, accept, "gzip, deflate, br")
                    #expect(packed.headers["Content-Encoding"] == "gzip")
                    #expect(packed.headers["Content-Type"] == plain.headers["Content-Type"])
                    #expect(packed.bytes.count < plain.bytes.count / 2, "\(path)")
                    let (status, text) = try await runTool(["gunzip"], input: packed.bytes, in: directory)
                    #expect(status == 0)
                    if path == "/" {
                        #expect(Array(text.utf8) == plain.bytes)
                    } else {
                        #expect(try Snapshot(json: text.utf8).queue.kind == "log")
                    }
                }
            }
        }

        @Test(.timeLimit(.minutes(5)))
        func sinceWhenASinkIsHeldAndWhyOutlivesARestart() async throws {
            let (grafana, directory) = (try FakeGrafana(), try TemporaryDirectory())
            grafana.behave { _ in .status(401, body: #"{"message":"no"}"#) }
            var since: Timestamp?
            var count: Int64 = 0
            for run in 0..<3 {
                try await withGateway(in: directory, grafana: grafana) { gateway in
                    if run == 0 { #expect(try await gateway.client.push([StubCommit()]).status == 202) }
                    func shown() -> Snapshot.Destination? {
                        gateway.gateway.snapshot.destinations.first { $0.name == "grafana" }
                    }
                    try await eventually("it is held by this process") {
                        shown()?.state == .held && shown()?.lastFailure != nil
                    }
                    let held = try #require(shown())
                    // The times of the journal have milliseconds.
                    if let since { #expect(held.failingSince?.milliseconds(since: since).magnitude ?? .max < 1_000) }
                    since = since ?? held.failingSince
                    let failures = held.failures.reduce(0) { $0 + $1.count }
                    #expect(failures > count, "run \(run)")
                    count = failures
                }
            }
            grafana.behave { _ in .ordinary }
            try await withGateway(in: directory, grafana: grafana) { gateway in
                try await eventually("it is delivered") { grafana.annotations.count == 1 }
                try await eventually("nothing is held") {
                    gateway.gateway.snapshot.destinations.first { $0.name == "grafana" }?.failingSince == nil
                }
            }
        }
    }
}
