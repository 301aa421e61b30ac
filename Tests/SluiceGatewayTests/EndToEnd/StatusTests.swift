import Foundation
import GatewayTestSupport
import Glibc
import Sluice
import SluiceHTTP
import SluiceTesting
import Synchronization
import Testing

@testable import SluiceGateway

extension EndToEnd {
    /// The status of a real gateway: in each state `/status.json`, the text at `/`, `sluice top` and `/readyz` say the same.
    @Suite(.timeLimit(.minutes(10)))
    struct StatusTests {
        private typealias Outage = OutageTests

        private static func snapshot(_ client: GatewayClient) async throws -> Snapshot {
            let answer = try await client.send("GET", "/status.json", port: client.metricsPort, type: nil)
            #expect(answer.status == 200 && answer.headers["Content-Type"] == "application/json")
            return try Snapshot(json: answer.bytes)
        }

        /// Waits for a state, and holds all views against each other.
        /// - Returns: what it was then.
        @discardableResult
        private static func agree(
            _ client: GatewayClient, on state: String, _ isReached: (Snapshot) -> Bool
        ) async throws -> Snapshot {
            var reached: Snapshot?
            try await eventually(state) {
                let ready = try await client.ready()
                let snapshot = try await Self.snapshot(client)
                guard isReached(snapshot) else { return false }
                // Times and counts move between two answers: the same words have to come from both.
                let words = Set(snapshot.verdict.problems.map { withoutNumbers($0.text) })
                guard ready.status == (snapshot.verdict.isReady ? 200 : 503),
                    words == Set(try lines(ready).map(withoutNumbers))
                else { return false }
                reached = snapshot
                return true
            }
            let snapshot = try #require(reached)
            let text = StatusText(snapshot).text
            var top = TopView()
            top.take(snapshot)
            let frame = top.frame(columns: 400, lines: 80).map(\.text).joined(separator: "\n")
            for view in [text, frame] {
                let words = view.split(whereSeparator: \.isWhitespace).joined(separator: " ")
                #expect(words.contains("\(snapshot.verdict.level.words.uppercased()): \(snapshot.verdict.text)"))
                for sink in snapshot.sinks {
                    #expect(sink.inFlight <= sink.inFlightLimit, "\(sink.name)")
                    let line = view.split(separator: "\n").first {
                        $0.contains(" \(sink.kind) ") && $0.contains(sink.name)
                    }
                    #expect(line?.contains(sink.state.words) == true, "\(sink.name): \(sink.state) in \(view)")
                }
            }
            let plain = try await client.send("GET", "/", port: client.metricsPort, type: nil)
            #expect(plain.status == 200 && plain.text.contains("SINK"))
            return snapshot
        }

        private static func lines(_ ready: GatewayClient.Answer) throws -> [String] {
            let object = try JSONSerialization.jsonObject(with: Data(ready.bytes)) as? [String: Any]
            return ["reasons", "notes"].flatMap { object?[$0] as? [String] ?? [] }
        }

        private static func withoutNumbers(_ text: String) -> String { text.filter { !$0.isNumber } }

        private static func sink(_ snapshot: Snapshot, _ name: String) -> Snapshot.Sink? {
            snapshot.sinks.first { $0.name == name }
        }

        private static func destination(_ snapshot: Snapshot, _ name: String) -> Snapshot.Destination? {
            snapshot.destinations.first { $0.name == name }
        }

        @Test func idleAndFlowing() async throws {
            try await Outage.withScene(.grafana) { scene in
                let client = scene.gateway.client
                let idle = try await Self.agree(client, on: "idle") {
                    $0.verdict.level == .well && $0.sinks.allSatisfy { $0.state == .idle }
                }
                #expect(idle.verdict.text == "all is well: nothing waits")
                #expect(idle.sinks.map(\.name) == ["grafana", "slack"])
                #expect(idle.sources.map(\.name) == ["github", "deployments"] && idle.sources.allSatisfy(\.isUnsigned))
                #expect(idle.queue.kind == "log" && idle.queue.bytes ?? 0 > 0 && idle.queue.diskFree ?? 0 > 0)
                #expect(
                    Self.destination(idle, "slack")?.policy.contains { $0.key == "destinations.slack.throttle.rate" }
                        == true)
                let commits = try await scene.push(5)
                try await scene.sickHas(commits)
                // A sink may have it before the queue's publisher has counted it.
                let done = try await Self.agree(client, on: "delivered") { snapshot in
                    snapshot.sinks.allSatisfy { $0.flow.total == 5 && $0.lag == 0 } && snapshot.queue.flow.total == 5
                }
                #expect(done.sources[0].flow.total == 1)
                #expect(Self.sink(done, "slack")?.outcomes == [.init("acked", 5)])
                #expect(Self.destination(done, "slack")?.lastSuccess != nil)
            }
        }

        @Test func aSinkThatIsShutByA429() async throws {
            try await Outage.withScene(.slack) { scene in
                scene.sick.behave { _ in .status(429, headers: ["Retry-After": "3600"]) }
                try await scene.healthyHas(try await scene.push(4))
                let shut = try await Self.agree(scene.gateway.client, on: "shut") {
                    Self.sink($0, "slack")?.state == .shut && Self.sink($0, "slack")?.lag == 4
                }
                let problem = try #require(shut.verdict.problems.first)
                #expect(shut.verdict.level == .degraded && shut.verdict.text == problem.text)
                #expect(problem.subject == "sinks.slack" && problem.waiting == 4)
                #expect(problem.text.contains("shut until") && problem.text.contains("http_429"))
                let until = try #require(problem.until)
                #expect(until.milliseconds(since: shut.time) > 60_000)
                #expect(problem.remedy?.key == "destinations.slack.throttle.rate")
                #expect(Self.destination(shut, "slack")?.failures.first?.reason == "http_429")
                #expect(Self.sink(shut, "grafana")?.state != .shut)
            }
        }

        @Test func aSinkThatIsHeld() async throws {
            try await Outage.withScene(.grafana) { scene in
                scene.sick.behave { _ in .status(401, body: #"{"message":"no"}"#) }
                try await scene.healthyHas(try await scene.push(2))
                let held = try await Self.agree(scene.gateway.client, on: "held") {
                    Self.sink($0, "grafana")?.state == .held && Self.sink($0, "grafana")?.lag == 2
                }
                let problem = held.verdict.problems.first
                #expect(problem?.subject == "sinks.grafana" && problem?.text.contains("held: ") == true)
                #expect(problem?.remedy?.key == "sinks.grafana")
            }
        }

        @Test func aBreakerThatIsOpen() async throws {
            try await Outage.withScene(.slack, configure: { $0.pace.destination.breaker = CircuitBreaker() }) { scene in
                scene.sick.behave { _ in .status(503) }
                try await scene.healthyHas(try await scene.push(20))
                let open = try await Self.agree(scene.gateway.client, on: "open") {
                    Self.sink($0, "slack")?.state == .breakerOpen
                }
                let destination = Self.destination(open, "slack")
                #expect(destination?.shutBy == "breaker" && destination?.breaker == "open")
                #expect(destination?.failingSince != nil)
                #expect(open.verdict.problems.first?.remedy?.key == "destinations.slack.breaker.force")
            }
        }

        @Test func poisonAndAPausedSink() async throws {
            let directory = try TemporaryDirectory()
            try await Outage.withScene(.slack, in: directory) { scene in
                scene.sick.behave { _ in .status(400, body: "invalid_payload") }
                try await scene.healthyHas(try await scene.push(3))
                let poisoned = try await Self.agree(scene.gateway.client, on: "poison") {
                    $0.poison.messages == 3 && $0.verdict.problems.contains { $0.subject == "poison" }
                }
                #expect(poisoned.poison.causes.map(\.route) == ["log-to-slack"])
                #expect(poisoned.poison.causes.map(\.count) == [3] && poisoned.verdict.level == .degraded)

                _ = try await ControlClient(directory: directory.path + "/data").pause("grafana", reason: "it moves")
                let paused = try await Self.agree(scene.gateway.client, on: "paused") {
                    Self.sink($0, "grafana")?.state == .paused
                }
                let problem = paused.verdict.problems.first { $0.subject == "sinks.grafana" }
                #expect(problem?.text.contains("it moves") == true)
                #expect(problem?.remedy?.command == "sluice resume grafana")
                _ = try await ControlClient(directory: directory.path + "/data").resume("grafana")
                try await Self.agree(scene.gateway.client, on: "resumed") { Self.sink($0, "grafana")?.state == .idle }
            }
        }

        @Test func kafkaThatIsAwayKeepsWebhooksOut() async throws {
            let (slack, kafka, directory) = (try FakeSlack(), try HeldPort(), try TemporaryDirectory())
            let environment = sinkEnvironment(nil, slack).merging(["KAFKA_BROKERS": "127.0.0.1:\(kafka.number)"]) { $1 }
            let process = try SluiceProcess(environment, in: directory)
            let client = try await process.listeningClient()
            let away = try await Self.agree(client, on: "away") { $0.queue.failure != nil }
            #expect(away.verdict.level == .notReady && away.verdict.text.hasPrefix("kafka: "))
            #expect(away.queue.kind == "kafka" && away.queue.state == .down && away.queue.bytes == nil)
            let (status, output) = try await Self.status(client, in: directory)
            #expect(status == 1 && output.contains("NOT READY: kafka: "))
            process.signal(SIGTERM)
            try await process.exitStatus()
            let (gone, _) = try await Self.status(client, in: directory)
            #expect(gone == ExitStatus.noGateway)
        }

        @Test func aGatewayThatDrainsSaysSo() async throws {
            let (slack, directory) = (try FakeSlack(), try TemporaryDirectory())
            slack.behave { _ in .reply(.status(200, body: "ok", delay: .seconds(600))) }
            let process = try SluiceProcess(sinkEnvironment(nil, slack), in: directory)
            let client = try await process.client()
            #expect(try await client.push([StubCommit()]).status == 202)
            try await eventually("Slack is asked") { !slack.requests.isEmpty }
            process.signal(SIGTERM)
            let draining = try await Self.agree(client, on: "draining") {
                $0.verdict.level == .draining && $0.sinks.first?.state == .draining
            }
            #expect(!draining.verdict.isReady)
            process.signal(SIGKILL)
            try await process.exitStatus()
        }

        /// What `sluice status` says.
        private static func status(
            _ client: GatewayClient, in directory: TemporaryDirectory
        ) async throws -> (status: Int32, output: String) {
            let program = try #require(SluiceProcess.executable).path
            return try await runTool(
                [program, "status", "--address", "127.0.0.1:\(client.metricsPort)"], in: directory)
        }

        @Test func onlyItsOwnNamesMaySeeIt() async throws {
            try await withGateway(
                in: try TemporaryDirectory(), grafana: try FakeGrafana(),
                configure: { $0.statusHosts = ["sluice.example.org"] }
            ) { gateway in
                let client = gateway.client
                func status(_ path: String, _ headers: [(String, String)]) async throws -> GatewayClient.Answer {
                    try await client.send("GET", path, port: client.metricsPort, type: nil, headers: headers)
                }
                for path in ["/", "/status.json"] {
                    for host in ["localhost", "127.0.0.1:1", "[::1]:8081", "10.1.2.3", "SLUICE.example.org:80"] {
                        #expect(try await status(path, [("Host", host)]).status == 200, "\(host)")
                    }
                    for host in ["evil.example", "localhost.evil.example", "sluice.example.org.evil", "[::1", "1.2.3"] {
                        let answer = try await status(path, [("Host", host)])
                        #expect(
                            answer.status == 403 && answer.isErrorLine && answer.text.contains("STATUS_HOSTS"),
                            "\(host)")
                    }
                    for origin in ["null", "https://evil.example", "file://localhost"] {
                        #expect(try await status(path, [("Origin", origin)]).status == 403, "\(origin)")
                    }
                    #expect(try await status(path, [("Origin", "http://localhost:8081")]).status == 200)
                }
                let page = try await status("/", [("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")])
                #expect(page.headers["Content-Type"]?.hasPrefix("text/html") == true)
                #expect(page.headers["Content-Security-Policy"]?.hasPrefix("default-src 'none'") == true)
                #expect(
                    page.headers["X-Content-Type-Options"] == "nosniff" && page.headers["Cache-Control"] == "no-store")
                // What Prometheus and Kubernetes ask by whatever name is answered as before.
                for path in ["/metrics", "/readyz", "/healthz"] {
                    #expect(try await status(path, [("Host", "sluice.monitoring.svc")]).status == 200)
                }
            }
        }

        @Test func aTokenGuardsIt() async throws {
            try await withGateway(
                in: try TemporaryDirectory(), grafana: try FakeGrafana(),
                configure: { $0.metricsToken = Secret("open-sesame") }
            ) { gateway in
                let client = gateway.client
                for path in ["/", "/status.json"] {
                    let refused = try await client.send("GET", path, port: client.metricsPort, type: nil)
                    #expect(refused.status == 401 && !refused.text.contains("open-sesame"))
                }
                let address = BindAddress(host: "127.0.0.1", port: UInt16(client.metricsPort))
                let without = try StatusTool(of: address)
                await #expect(throws: StatusTool.Failure.self) { try await without.ask() }
                let with = try StatusTool(of: address, token: Secret("open-sesame"))
                let (snapshot, json) = try await with.ask()
                #expect(snapshot.verdict.isReady && !String(decoding: json, as: UTF8.self).contains("open-sesame"))
                await without.close()
                await with.close()
            }
        }

        /// Each kind of text from outside that the status shows.
        @Test func itShowsNoSecretAndNoPayload() async throws {
            try await Outage.withScene(.slack) { scene in
                scene.sick.behave { _ in .status(500, body: "<script>alert(1)</script>") }
                let commit = StubCommit()
                let answer = try await scene.gateway.client.push([commit])
                #expect(answer.status == 202)
                let failing = try await Self.agree(scene.gateway.client, on: "failing") {
                    Self.destination($0, "slack")?.lastFailure != nil
                }
                let json = String(decoding: failing.json, as: UTF8.self)
                for word in ["secret-of-slack", "word-of-grafana", commit.id, "<script>"] {
                    #expect(!json.contains(word) && !StatusText(failing).text.contains(word), "\(word)")
                }
            }
        }

        @Test func tapShowsWhatPasses() async throws {
            let directory = try TemporaryDirectory()
            try await Outage.withScene(.slack, in: directory) { scene in
                let tool = try TapTool(directory: directory.path + "/data", sink: "slack", only: ["event=commitPushed"])
                let lines = Lines()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        try await tool.run(asJSON: false) { line in lines.all.withLock { $0.append(line) } }
                    }
                    // What is pushed before it watches is not shown.
                    try await eventually("pushes are shown") {
                        try await scene.sickHas(try await scene.push(1))
                        return lines.all.withLock(\.self).count {
                            $0.contains("slack  acked") && $0.contains("pushed to")
                        }
                            >= 3
                    }
                    group.cancelAll()
                    try await group.waitForAll()
                }
                #expect(lines.all.withLock(\.self).allSatisfy { !$0.contains("grafana") })
            }
        }
    }
}

/// What a command has printed.
private final class Lines: Sendable {
    let all = Mutex<[String]>([])
}
