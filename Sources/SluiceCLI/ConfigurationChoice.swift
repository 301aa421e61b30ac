import ArgumentParser
import Foundation
import SluiceGateway

/// Which configuration is meant: a file that is named, the one that `SLUICE_CONFIG` names, `sluice.yaml` in the current directory
/// when it is there, or the environment.
enum ConfigurationChoice {
    static let standard = "sluice.yaml"

    static let discussion = """
        The configuration is the file that is named, else the one that SLUICE_CONFIG names, else ./sluice.yaml when it is there, \
        else the environment.
        """

    /// - Returns: nil where the environment is meant.
    static func path(_ named: String?) throws -> String? {
        if let named { return named }
        let variable = try Settings.read { environment, dotEnv in
            GatewayConfiguration.configurationFile(environment: environment, dotEnv: dotEnv)
        }
        if let variable { return variable }
        return FileManager.default.fileExists(atPath: standard) ? standard : nil
    }

    /// What reads a file anew for a gateway that runs by it, or another file.
    static func reading(_ path: String) -> @Sendable (String?) throws -> GatewayConfiguration {
        { other in
            try GatewayConfiguration(
                file: other ?? path, environment: ProcessInfo.processInfo.environment,
                dotEnv: DotEnv.text(ofFile: ".env", repairing: true))
        }
    }

    /// - Throws: exit status 78, after saying what is wrong.
    static func read(_ named: String?) throws -> GatewayConfiguration {
        let path = try path(named)
        do {
            return try Settings.read { environment, dotEnv in
                guard let path else { return try GatewayConfiguration(environment: environment, dotEnv: dotEnv) }
                return try GatewayConfiguration(file: path, environment: environment, dotEnv: dotEnv)
            }
        } catch let faults as FileFaults {
            Tool.say("\(faults)")
            throw ExitCode(ExitStatus.faultyFile)
        }
    }
}
