import ArgumentParser
import Foundation
import SluiceGateway

/// What commands know of the gateway's configuration: the environment, and the file `.env` in the current directory for what
/// that does not set, as `sluice run` reads them.
enum Settings {
    /// - Throws: exit status 78 when something is wrong with what is asked for.
    static func read<Value>(
        _ body: (_ environment: [String: String], _ dotEnv: String?) throws -> Value
    ) throws -> Value {
        do {
            return try body(ProcessInfo.processInfo.environment, DotEnv.text(ofFile: ".env", repairing: true))
        } catch let error as EnvironmentError {
            Tool.say("\(error)")
            throw ExitCode(EnvironmentError.exitStatus)
        } catch let faults as FileFaults {
            Tool.say("\(faults)")
            throw ExitCode(ExitStatus.faultyFile)
        }
    }

    /// The variables of Kafka and RabbitMQ.
    static func brokers() throws -> [String: String] {
        try read { try GatewayConfiguration.brokerSettings(environment: $0, dotEnv: $1) }
    }
}
