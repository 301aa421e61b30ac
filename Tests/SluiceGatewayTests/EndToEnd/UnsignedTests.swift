import GatewayTestSupport
import Sluice
import SluicePrometheus
import SluiceTesting
import Testing

@testable import SluiceGateway

extension EndToEnd {
    /// Endpoints without secret or token, and what a secret vouches for.
    struct UnsignedTests {
        private static let paths = ["/webhooks/github", "/webhooks/deployments"]

        private func withEvents<Result: Sendable>(
            _ configure: (inout GatewayConfiguration) -> Void = { _ in },
            _ body: (RunningGateway) async throws -> Result
        ) async throws -> Result {
            try await withGateway(
                in: try TemporaryDirectory(), grafana: try FakeGrafana(), configure: configure, body)
        }

        @Test func anEndpointWithoutSecretSaysSoAndTakesOnlyWhatComesFromHere() async throws {
            try await withEvents { gateway in
                let ready = try await gateway.client.ready()
                #expect(ready.status == 200)
                let metrics = try await gateway.client.metrics()
                for path in Self.paths {
                    #expect(ready.text.contains("\(path): takes unsigned requests"))
                    #expect(gateway.log.contains("\(path): takes unsigned requests"))
                    #expect(metrics.value("sluice_http_endpoint_unsigned", ["route": path]) == 1)
                }
                #expect(try await gateway.client.push([StubCommit()]).status == 202)
                let deployment = DeploymentsTests.body()
                for header in [("Origin", "null"), ("X-Forwarded-For", "1.2.3.4"), ("Host", "example.org")] {
                    let push = try await gateway.client.gitHub(Stub.push([StubCommit()]), headers: [header])
                    #expect(push.status == 403 && push.isErrorLine && push.text.contains("GITHUB_WEBHOOK_SECRET"))
                    let root = try await gateway.client.gitHub(Stub.push([StubCommit()]), path: "/", headers: [header])
                    #expect(root.status == 403)
                    let deployed = try await gateway.client.send(
                        "POST", "/webhooks/deployments", headers: [header], body: deployment)
                    #expect(deployed.status == 403 && deployed.text.contains("DEPLOYMENTS_TOKEN"))
                }
                let refused = try await gateway.client.metric(
                    "sluice_http_requests_total", ["route": "/webhooks/github", "method": "POST", "code": "403"])
                #expect(refused == 3)
            }
        }

        /// Where a file is the configuration it names its keys.
        @Test func anEndpointWithoutSecretNamesTheFilesKey() async throws {
            let file = try FileForTests(
                "sources:\n  github: {kind: github}\n  deploys:\n    kind: deployments\n"
                    + "sinks:\n  chat: {kind: slack, webhook: \"http://127.0.0.1:9/x\"}\n")
            try await file.run { gateway in
                let ready = try await gateway.client.ready()
                #expect(ready.text.contains("set sources.github.secret in sluice.yaml"), "\(ready.text)")
                #expect(ready.text.contains("set sources.deploys.token in sluice.yaml"), "\(ready.text)")
                #expect(gateway.log.contains("set sources.deploys.token in sluice.yaml"))
                let status = try await gateway.client.send(
                    "GET", "/status.json", port: gateway.client.metricsPort, type: nil)
                let snapshot = try Snapshot(json: status.bytes)
                #expect(snapshot.sources.first?.missingSecret == "sources.github.secret in sluice.yaml")
                let keys = snapshot.verdict.problems.compactMap(\.remedy?.key)
                #expect(keys.contains("sources.github.secret in sluice.yaml"), "\(keys)")
                let push = try await gateway.client.gitHub(
                    Stub.push([StubCommit()]), headers: [("X-Forwarded-For", "1.2.3.4")])
                #expect(push.status == 403)
                let advice = "set sources.github.secret in sluice.yaml, or process.allow_unsigned: true in sluice.yaml"
                #expect(push.text.contains(advice), "\(push.text)")
            }
        }

        @Test func whatIsAllowedIsTakenFromEverybodyAndNoted() async throws {
            try await withEvents({ $0.allowsUnsigned = true }) { gateway in
                let headers = [("Origin", "https://example.org"), ("Host", "example.org")]
                #expect(try await gateway.client.gitHub(Stub.push([StubCommit()]), headers: headers).status == 202)
                let ready = try await gateway.client.ready()
                #expect(ready.text.contains("takes unsigned requests, from everywhere"))
            }
        }

        @Test func aSecretTakesFromEverywhereWhatIsSigned() async throws {
            try await withEvents({
                $0.gitHub.secret = Secret("word")
                $0.deployments.token = Secret("token")
            }) { gateway in
                let headers = [
                    ("X-Forwarded-For", "1.2.3.4"), ("Host", "example.org"), ("User-Agent", "GitHub-Hookshot/1"),
                ]
                #expect(try await gateway.client.gitHub(Stub.push([StubCommit()]), headers: headers).status == 202)
                #expect(try await gateway.client.ready().text.contains("unsigned") == false)
                let metrics = try await gateway.client.metrics()
                for path in Self.paths {
                    #expect(metrics.value("sluice_http_endpoint_unsigned", ["route": path]) == 0)
                }
            }
        }

        /// GitHub signs the body alone.
        @Test(arguments: ["/webhooks/github", "/"])
        func headersThatTheSignatureDoesNotCoverSteerNothing(_ path: String) async throws {
            try await withEvents({ $0.gitHub.secret = Secret("word") }) { gateway in
                let commit = StubCommit()
                let steered = try await gateway.client.gitHub(
                    Stub.push([commit]), path: path,
                    headers: [("Message-Uuid", "forged"), ("Message-Metadata", #"{"correlation_id":"forged"}"#)])
                #expect(steered.status == 202)
                // Nor is it looked at.
                let odd = try await gateway.client.gitHub(
                    Stub.push([StubCommit()]), path: path, headers: [("Message-Metadata", "{")])
                #expect(odd.status == 202)
                try await eventually("the events are through") {
                    try await gateway.client.metric(
                        "sluice_deliveries_total", ["handler_name": "log-to-grafana", "outcome": "acked"]) == 2
                }
                #expect(!gateway.log.contains("forged"))
            }
        }

        @Test func aTokenVouchesForAllHeaders() async throws {
            try await withEvents({ $0.deployments.token = Secret("token") }) { gateway in
                let answer = try await gateway.client.send(
                    "POST", "/webhooks/deployments",
                    headers: [
                        ("Authorization", "Bearer token"), ("Message-Metadata", #"{"correlation_id":"mine-1"}"#),
                    ],
                    body: DeploymentsTests.body())
                #expect(answer.status == 202)
                try await eventually("the log names the chain") { gateway.log.contains("mine-1") }
            }
        }

        @Test func theMetricsAskForTheirToken() async throws {
            try await withEvents({ $0.metricsToken = Secret("metrics-token") }) { gateway in
                let client = gateway.client
                for path in ["/metrics", "/", "/status.json"] {
                    let answer = try await client.send("GET", path, port: client.metricsPort, type: nil)
                    #expect(answer.status == 401 && answer.isErrorLine, "\(path)")
                }
                for path in ["/healthz", "/readyz"] {
                    let answer = try await client.send("GET", path, port: client.metricsPort, type: nil)
                    #expect(answer.status == 200, "\(path)")
                }
                let answer = try await client.send(
                    "GET", "/metrics", port: client.metricsPort, type: nil,
                    headers: [("Authorization", "Bearer metrics-token")])
                #expect(answer.status == 200 && answer.text.contains("sluice_build_info"))
                #expect(!gateway.log.contains("metrics-token"))
            }
        }
    }
}
