import ArgumentParser
import Foundation
import SluiceGateway

/// Which data directory a command works on.
struct DataOptions: ParsableArguments {
    @Option(
        name: .long, help: ArgumentHelp("The gateway's data directory. Default: SLUICE_DATA.", valueName: "dir"))
    var data: String?

    /// - Throws: exit status 78 when the configuration is wrong.
    func directory() throws -> String {
        if let data { return try Arguments.directory(data, "--data") }
        do {
            return try GatewayConfiguration.dataDirectory(
                environment: ProcessInfo.processInfo.environment, dotEnv: DotEnv.text(ofFile: ".env"))
        } catch {
            Tool.say("\(error)")
            throw ExitCode(EnvironmentError.exitStatus)
        }
    }
}
