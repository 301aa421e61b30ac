import Foundation
package import Logging
import ServiceLifecycle
import Sluice
package import SluiceGateway
import SluiceMetrics
import SluicePrometheus
import SluiceTesting
import Testing

/// A gateway in this process, with everything of its own.
package struct RunningGateway: Sendable {
    package let client: GatewayClient
    package let gateway: Gateway
    let recorder: LogRecorder

    /// The log so far, as text.
    package var log: String { recorder.text }
}

/// Runs a gateway around `body`, from ready to a graceful stop.
/// - Parameters:
///   - grafana, slack: the sinks; without them, events would go to the console: give at least one.
///   - configure: changes what the tests have: short waits and a fast Slack.
package func withGateway<Result: Sendable>(
    in directory: TemporaryDirectory, grafana: FakeGrafana? = nil, slack: FakeSlack? = nil,
    configure: (inout GatewayConfiguration) -> Void = { _ in },
    _ body: (RunningGateway) async throws -> Result
) async throws -> Result {
    var configuration = testConfiguration(in: directory, grafana: grafana, slack: slack)
    configure(&configuration)
    let backend = PrometheusBackend()
    let recorder = LogRecorder(onEntry: LogOutput.Observer.counting(backend.instruments).line)
    let logger = recorder.logger(at: .debug)
    let gateway = try Gateway(configuration, backend: backend, logger: logger)
    defer {
        let log = recorder.text
        #expect(!log.contains("secret-of-slack"), "the log shows Slack's address")
        #expect(!log.contains("word-of-grafana"), "the log shows Grafana's password")
    }
    return try await whileRunning(gateway, secret: configuration.gitHub.secret?.reveal(), logger: logger) { client in
        try await body(RunningGateway(client: client, gateway: gateway, recorder: recorder))
    }
}

/// Runs a gateway around `body`, from ready to a graceful stop.
/// - Parameter secret: what webhooks are signed with.
package func whileRunning<Result: Sendable>(
    _ gateway: Gateway, secret: String?, logger: Logger, _ body: (GatewayClient) async throws -> Result
) async throws -> Result {
    try await gateway.restoreDeployments()
    var quiet = logger
    quiet.logLevel = .error
    let group = ServiceGroup(
        configuration: ServiceGroupConfiguration(
            services: gateway.services.map { .init(service: $0) }, logger: quiet))
    let running = Task { try await group.run() }
    let outcome: Swift.Result<Result, any Error>
    do {
        let client = GatewayClient(
            webhooksPort: try await gateway.webhooksPort, metricsPort: try await gateway.metricsPort, secret: secret)
        try await client.waitUntilReady()
        outcome = .success(try await body(client))
    } catch {
        outcome = .failure(error)
    }
    await group.triggerGracefulShutdown()
    try await running.value
    await gateway.close()
    return try outcome.get()
}

package func testConfiguration(
    in directory: TemporaryDirectory, grafana: FakeGrafana?, slack: FakeSlack?
) -> GatewayConfiguration {
    var configuration = GatewayConfiguration()
    configuration.bindAddress = BindAddress(host: "127.0.0.1", port: 0)
    configuration.metricsBindAddress = BindAddress(host: "127.0.0.1", port: 0)
    configuration.dataDirectory = directory.path + "/data"
    configuration.shutdownTimeout = .seconds(5)
    configuration.pace.hold = .milliseconds(300)
    configuration.pace.retry = .exponential(from: .milliseconds(10), upTo: .milliseconds(200))
    configuration.pace.redelivery = .exponential(from: .milliseconds(10), upTo: .milliseconds(200))
    configuration.pace.destination.budget?.floor = 20
    configuration.pace.destination.breaker?.open = .exponential(from: .milliseconds(10), upTo: .milliseconds(200))
    configuration.grafana = grafana.map {
        GrafanaSink(url: $0.url, credentials: .basic(user: FakeGrafana.user, password: Secret(FakeGrafana.password)))
    }
    configuration.slack = slack.map { SlackSink(webhook: Secret($0.url + FakeSlack.path)) }
    configuration.change("slack") { $0.throttle = Throttle(rate: 1_000) }
    return configuration
}
