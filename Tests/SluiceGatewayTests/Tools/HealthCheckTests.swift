import Foundation
import GatewayTestSupport
import SluiceTesting
import Testing

@testable import SluiceGateway

@Suite struct HealthCheckTests {
    @Test func aRunningGatewayIsReady() async throws {
        let directory = try TemporaryDirectory()
        let program = try SluiceProcess(["GITHUB_WEBHOOK_SECRET": "word", "DEPLOYMENTS_TOKEN": "token"], in: directory)
        let client = try await program.client()
        // It is ready before each of its routes reads, and says so in notes.
        try await eventually("no notes") { try await client.ready().text == "{\"status\":\"ready\"}\n" }
        for host in ["127.0.0.1", nil, "0.0.0.0"] {
            let address = BindAddress(host: host, port: UInt16(client.metricsPort))
            let report = try await HealthCheck(of: address).run()
            #expect(report.isReady)
            #expect(report.text == "{\"status\":\"ready\"}\n")
        }
        let executable = try #require(SluiceProcess.executable).path
        let answer = try await runTool(
            ["METRICS_BIND_ADDR=:\(client.metricsPort)", executable, "health"], in: directory)
        #expect(answer.status == 0 && answer.output == "{\"status\":\"ready\"}\n")
        program.signal(SIGTERM)
        #expect(try await program.exitStatus() == 0)
    }

    @Test func anAddressWithoutAGatewayIsNotReady() async throws {
        let directory = try TemporaryDirectory()
        let port = try HeldPort()
        defer { withExtendedLifetime(port) {} }
        let address = "127.0.0.1:\(port.number)"
        let executable = try #require(SluiceProcess.executable).path
        let answer = try await runTool([executable, "health", "--address", address], in: directory)
        #expect(answer.status == 2 && answer.output.contains(address))
        #expect(try await runTool([executable, "health", "--address", "x"], in: directory).status == 64)
        #expect(try await runTool(["METRICS_BIND_ADDR=x", executable, "health"], in: directory).status == 78)
    }

    @Test func theAddressIsTheGateways() throws {
        #expect(try GatewayConfiguration.metricsAddress(environment: [:]).description == "127.0.0.1:8081")
        let file = "METRICS_BIND_ADDR=:1\nBIND_ADDR=nonsense\n"
        #expect(try GatewayConfiguration.metricsAddress(environment: [:], dotEnv: file).description == ":1")
        let both = ["METRICS_BIND_ADDR": "[::1]:2"]
        #expect(try GatewayConfiguration.metricsAddress(environment: both, dotEnv: file).description == "[::1]:2")
        #expect(throws: EnvironmentError.self) {
            try GatewayConfiguration.metricsAddress(environment: ["METRICS_BIND_ADDR": "2"])
        }
    }
}
