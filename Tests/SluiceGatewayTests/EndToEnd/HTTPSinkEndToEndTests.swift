import Foundation
import GatewayTestSupport
import Sluice
// Without @testable: what a program of its own has.
import SluiceGateway
import SluiceTesting
import Testing

extension EndToEnd {
    /// Sinks of the kind `http` beside others, in a whole gateway.
    struct HTTPSinkTests {
        private let directory: TemporaryDirectory

        init() throws {
            directory = try TemporaryDirectory()
        }

        @Test func presetsAndTemplatesStandBesideSlack() async throws {
            let slack = try FakeSlack()
            let teams = try TestHTTPServer { _ in .status(202) }
            let audit = try TestHTTPServer { _ in .status(200) }
            let template = #"{"commit": "{{id}}", "what": "{{title}}"}"#
            try await withGateway(in: directory, slack: slack) { configuration in
                configuration.sinks += [
                    ConfiguredSink(
                        "teams", HTTPSinkOptions(preset: .teams, url: Secret(teams.url("/secret-of-slack")))),
                    ConfiguredSink(
                        "audit",
                        HTTPSinkOptions(
                            url: Secret(audit.url("/{{repository}}")),
                            headers: ["Authorization": Secret("Bearer secret-of-slack")], body: template,
                            allowsPrivateAddresses: true)),
                ]
            } _: { gateway in
                var commit = StubCommit()
                commit.message = "Fix \"it\" \\ \u{2028}"
                #expect(try await gateway.client.push([commit]).status == 202)
                let request = try #require(try await audit.waitForRequests(1).first)
                #expect(request.target == "/octo%2Fhello")
                #expect(request["Authorization"] == "Bearer secret-of-slack")
                let json = try JSONSerialization.jsonObject(with: Data(request.body)) as? [String: String]
                #expect(json == ["commit": commit.id, "what": "Fix \"it\" \\"])
                #expect(try await teams.waitForRequests(1).first?.text.contains("Fix \\\"it\\\"") == true)
                try await eventually("Slack has it too") { slack.pushes[commit.id] == 1 }
                try await eventually("each is counted under its name") {
                    let metrics = try await gateway.client.metrics()
                    return ["log-to-teams", "log-to-audit"].allSatisfy {
                        metrics.value("sluice_deliveries_total", ["handler_name": $0, "outcome": "acked"]) == 1
                    }
                }
            }
        }

        @Test func anEventThatLeadsInsideIsPoisonedAndOthersGoOn() async throws {
            let inside = try TestHTTPServer()
            try await withGateway(in: directory) { configuration in
                configuration.sinks = [
                    ConfiguredSink(
                        "hooks",
                        HTTPSinkOptions(
                            url: Secret("http://{{firstLine(message)}}:\(inside.port)/latest/meta-data"), body: "1"))
                ]
            } _: { gateway in
                var commit = StubCommit()
                for message in ["127.0.0.1", "localhost", "2130706433"] {
                    commit.id = StubCommit.randomHash()
                    commit.message = message
                    #expect(try await gateway.client.push([commit]).status == 202)
                }
                try await eventually("the poison queue has them") {
                    try await gateway.client.metric("sluice_poison_queue_messages", ["topic": "poison"]) == 3
                }
                #expect(inside.connectionCount == 0)
                #expect(try await gateway.client.ready().status == 200)
            }
        }
    }
}
