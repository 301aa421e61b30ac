import Foundation
import GatewayTestSupport
import SluicePrometheus
import SluiceTesting
import Synchronization
import Testing

/// Something of everything that can happen to a gateway: what its metrics are there for.
struct ScriptedLoad {
    let client: GatewayClient
    let grafana: FakeGrafana
    let slack: FakeSlack

    /// A commit that was made just now.
    static func commit(in seconds: TimeInterval = 0) -> StubCommit {
        var commit = StubCommit()
        commit.time = time(in: seconds)
        return commit
    }

    private static func time(in seconds: TimeInterval) -> String {
        Date(timeIntervalSinceNow: seconds).formatted(.iso8601)
    }

    /// What no check complains about.
    func goWell() async throws {
        try await push([Self.commit(), Self.commit()])
        try await deploy("staging", "success")
    }

    /// Everything else, until it is over.
    /// - Parameter waitUntilScraped: waits until Prometheus gives something for a query.
    func failInEveryWay(waitUntilScraped: (_ query: String) async throws -> Void) async throws {
        try await beRefused()
        try await failDeployments()
        try await ship()
        try await makeSinksFail(waitUntilScraped)
        // An event from the future; the same webhook twice; more than the throttle lets through at once.
        try await push([Self.commit(in: 3_600)])
        let body = Stub.push([Self.commit()])
        for _ in 0..<2 { #expect(try await client.gitHub(body).status == 202) }
        try await push((0..<15).map { _ in Self.commit() })
    }

    private func push(_ commits: [StubCommit]) async throws {
        #expect(try await client.push(commits).status == 202)
        try await arrived(commits)
    }

    private func arrived(_ commits: [StubCommit]) async throws {
        try await eventually("both sinks have what was pushed") {
            commits.allSatisfy { (grafana.pushes[$0.id] ?? 0) > 0 && (slack.pushes[$0.id] ?? 0) > 0 }
        }
    }

    /// Unsigned, forged, malformed, lost, and of no interest.
    private func beRefused() async throws {
        let body = Stub.push([Self.commit()])
        let forged = [("X-Hub-Signature-256", Stub.signature(body, "another secret"))]
        #expect(try await client.gitHub(body, headers: forged).status == 401)
        let unsigned = GatewayClient(webhooksPort: client.webhooksPort, metricsPort: client.metricsPort)
        #expect(try await unsigned.gitHub(body).status == 401)
        #expect(try await client.gitHub(Array("{".utf8)).status == 400)
        #expect(try await client.send("POST", "/webhooks/deployments", body: Array("{}".utf8)).status == 400)
        #expect(try await client.send("PUT", "/webhooks/github", body: body).status == 405)
        #expect(try await client.send("GET", "/nowhere", type: nil).status == 404)
        for event in ["ping", "issues"] {
            #expect(try await client.gitHub(Array("{}".utf8), event: event).status == 202)
        }
    }

    /// One that fails, one that mends it, and each told twice.
    private func failDeployments() async throws {
        for (environment, result, seconds) in [
            ("production", "failure", -120.0), ("production", "success", -60), ("staging", "failure", -50),
        ] {
            for _ in 0..<2 { try await deploy(environment, result, in: seconds) }
        }
    }

    /// Two changes to each environment, the second of which is rolled back.
    private func ship() async throws {
        let (first, second) = (Self.commit(), Self.commit())
        try await push([first])
        try await push([second])
        for environment in ["staging", "production"] {
            for (commit, seconds) in [(first, 60.0), (second, 90), (first, 120)] {
                try await deploy(environment, "success", in: seconds, commit.id)
            }
        }
    }

    private func deploy(
        _ environment: String, _ result: String, in seconds: TimeInterval = 0,
        _ commit: String = "33aa44bb55cc66dd77ee88ff99aa00bb11cc22dd"
    ) async throws {
        let body = """
            {"commit_id": "\(commit)", "env": "\(environment)",
             "timestamp": "\(Self.time(in: seconds))", "service": "shop", "result": "\(result)"}
            """
        #expect(try await client.send("POST", "/webhooks/deployments", body: Array(body.utf8)).status == 202)
    }

    /// Errors that pass, a time to wait, a message that is refused, silence, an outage, and a revoked token.
    private func makeSinksFail(_ waitUntilScraped: (_ query: String) async throws -> Void) async throws {
        let poison = Self.commit()
        let count = Mutex(0)
        slack.behave { request in
            if request.text.contains(poison.id) { return .status(400, body: "invalid_payload") }
            let turn = count.withLock { count in
                count += 1
                return count
            }
            return switch turn {
            // Longer than Retry tries.
            case 1...12: .status(500)
            case 13: .status(429, headers: ["Retry-After": "1"])
            case 14: .reply(.fault(.never))
            case 15: .take(.fault(.reset))
            default: .ordinary
            }
        }
        let commits = [Self.commit(), Self.commit()]
        #expect(try await client.push([poison] + commits).status == 202)
        try await arrived(commits)
        slack.behave { _ in .ordinary }

        grafana.behave { _ in .status(401) }
        let held = [Self.commit()]
        #expect(try await client.push(held).status == 202)
        try await eventually("grafana's route is held") { try await client.ready().text.contains("held") }
        grafana.behave { _ in .ordinary }
        try await arrived(held)

        grafana.goDown()
        let late = [Self.commit()]
        #expect(try await client.push(late).status == 202)
        try await eventually("grafana is missed") {
            try await client.metric("sluice_connection_up", ["component": "grafana"]) == 0
        }
        try await waitUntilScraped("sluice_connection_up{component=\"grafana\"} == 0")
        try grafana.comeBack()
        try await arrived(late)
    }
}
