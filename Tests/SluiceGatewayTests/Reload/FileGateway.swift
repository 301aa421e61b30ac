import Foundation
import GatewayTestSupport
import Logging
import Sluice
import SluiceMetrics
import SluiceTesting
import Testing

@testable import SluiceGateway

/// A gateway in this process that runs by a file.
struct FileGateway: Sendable {
    let client: GatewayClient
    let gateway: Gateway
    let recorder: LogRecorder

    var log: String { recorder.text }

    /// What is in force of a destination.
    func destination(_ name: String) -> EffectiveValueReader { EffectiveValueReader(sinks: gateway.sinks, name: name) }

    func metric(_ name: String, _ labels: [String: String] = [:]) async throws -> Double? {
        try await client.metric(name, labels)
    }
}

/// The numbers that a destination goes by.
struct EffectiveValueReader: Sendable {
    fileprivate let sinks: RunningSinks
    fileprivate let name: String

    var rate: Double? {
        sinks.all.first { $0.destination.name == name }?.destination.configuration.throttle?.rate
    }
}

extension FileForTests {
    /// What of the environment is about the process.
    var ofProcess: [String: String] {
        ["BIND_ADDR": "127.0.0.1:0", "METRICS_BIND_ADDR": "127.0.0.1:0", "SLUICE_DATA": directory.path + "/data"]
    }

    /// Runs a gateway by this file, from ready to a graceful stop.
    /// - Parameters:
    ///   - path: what it is given as; the file itself unless said otherwise.
    ///   - environment: for `${…}`.
    func run<Result: Sendable>(
        path: String? = nil, _ environment: [String: String] = [:], _ body: (FileGateway) async throws -> Result
    ) async throws -> Result {
        let environment = ofProcess.merging(environment) { $1 }
        let path = path ?? self.path
        return try await run(
            GatewayConfiguration(file: path, environment: environment), environment,
            reading: { try GatewayConfiguration(file: $0 ?? path, environment: environment) }, body)
    }

    /// Runs a gateway by the environment alone, in the data directory of those that run by the file.
    func runByEnvironment<Result: Sendable>(
        _ environment: [String: String], _ body: (FileGateway) async throws -> Result
    ) async throws -> Result {
        let environment = ofProcess.merging(environment) { $1 }
        return try await run(GatewayConfiguration(environment: environment), environment, reading: nil, body)
    }

    private func run<Result: Sendable>(
        _ configuration: GatewayConfiguration, _ environment: [String: String],
        reading: (@Sendable (_ path: String?) throws -> GatewayConfiguration)?,
        _ body: (FileGateway) async throws -> Result
    ) async throws -> Result {
        let recorder = LogRecorder()
        let logger = recorder.logger(at: .info)
        let gateway = try Gateway(configuration, reading: reading, logger: logger)
        return try await whileRunning(gateway, secret: environment["GITHUB_WEBHOOK_SECRET"], logger: logger) { client in
            try await body(FileGateway(client: client, gateway: gateway, recorder: recorder))
        }
    }

    /// Writes beside the file and then gives it the file's name.
    func replace(_ text: String, name: String = "sluice.yaml") throws {
        try write(text, to: "\(name).new")
        guard rename("\(directory.path)/\(name).new", "\(directory.path)/\(name)") == 0 else {
            throw TestFailure("cannot rename")
        }
    }
}
