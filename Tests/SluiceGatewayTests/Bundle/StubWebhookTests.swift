import Foundation
import GatewayTestSupport
import SluicePrometheus
import SluiceTesting
import Testing

@testable import SluiceGateway

/// scripts/send-stub-webhook.sh against a gateway.
@Suite struct StubWebhookTests {
    private static let script = Repository.file("scripts/send-stub-webhook.sh").path

    private func send(_ arguments: [String], secret: String? = nil, in directory: TemporaryDirectory) async throws
        -> (status: Int32, output: String)
    {
        try await runTool(["GITHUB_WEBHOOK_SECRET=\(secret ?? "")", Self.script] + arguments, in: directory)
    }

    @Test func sendsCommitsOfRepositoriesWhichArrive() async throws {
        let (slack, directory) = (try FakeSlack(), try TemporaryDirectory())
        try await withGateway(in: directory, slack: slack) { gateway in
            let url = "http://127.0.0.1:\(gateway.client.webhooksPort)/webhooks/github"
            let sent = try await send(["-c", "3", "-r", "octo/hello", "-r", "octo/shop", url], in: directory)
            #expect(sent.status == 0, "\(sent.output)")
            let commits = sent.output.matches(of: /commit ([0-9a-f]{40}): 202\n/).map { String($0.1) }
            #expect(Set(commits).count == 6)
            try await eventually("all arrive") {
                try await gateway.client.metric(
                    "sluice_deliveries_total", ["handler_name": "log-to-slack", "outcome": "acked"]) == 6
            }
        }
    }

    @Test func signsWithTheSecretAndSaysSoWhenItIsMissing() async throws {
        let (slack, directory) = (try FakeSlack(), try TemporaryDirectory())
        let secret = "It's a $ecret \"to\" everybody; with ü"
        try await withGateway(in: directory, slack: slack, configure: { $0.gitHub.secret = Secret(secret) }) {
            gateway in
            let url = "http://127.0.0.1:\(gateway.client.webhooksPort)/webhooks/github"
            #expect(try await send([url], secret: secret, in: directory).status == 0)
            for wrong in [nil, "another"] {
                let refused = try await send([url], secret: wrong, in: directory)
                #expect(refused.status == 1 && refused.output.contains(": 401\n"))
                #expect(refused.output.contains("set GITHUB_WEBHOOK_SECRET"))
            }
        }
    }

    @Test func saysWhatIsWrong() async throws {
        let directory = try TemporaryDirectory()
        for arguments in [["-c", "0"], ["-c", "1001"], ["-c"], ["-r", "x"], ["-x"], ["ftp://x"], ["http://a", "b"]] {
            let answer = try await send(arguments, in: directory)
            #expect(answer.status == 64 && answer.output.contains("expected") || answer.output.contains("no such"))
        }
        let port = try HeldPort()
        let unanswered = try await send(["http://127.0.0.1:\(port.number)/"], in: directory)
        #expect(unanswered.status == 69 && unanswered.output.contains("no answer"))
        withExtendedLifetime(port) {}
        #expect(try await send(["-h"], in: directory).output.contains("-c COMMITS"))
    }

    @Test(
        .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/shellcheck"), "shellcheck is not installed")
    )
    func scriptsAreClean() async throws {
        let answer = try await runTool(
            ["sh", "-c", "exec shellcheck \"$0\"/scripts/*.sh", Repository.root.path], in: try TemporaryDirectory())
        #expect(answer.status == 0, "\(answer.output)")
    }
}
