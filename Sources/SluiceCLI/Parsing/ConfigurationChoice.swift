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
        return FileManager.default.fileExists(atPath: standard) && !isWrittenHere(standard) ? standard : nil
    }

    /// Whether standard output goes into the file, as in `sluice check --print > sluice.yaml`: the shell has made or emptied it.
    private static func isWrittenHere(_ path: String) -> Bool {
        var (file, output) = (stat(), stat())
        return stat(path, &file) == 0 && fstat(STDOUT_FILENO, &output) == 0
            && (file.st_dev, file.st_ino) == (output.st_dev, output.st_ino)
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
        return try Settings.read { environment, dotEnv in
            guard let path else { return try GatewayConfiguration(environment: environment, dotEnv: dotEnv) }
            return try GatewayConfiguration(file: path, environment: environment, dotEnv: dotEnv)
        }
    }
}
