import ArgumentParser
import Foundation
import SluiceGateway

/// Which running gateway is asked, over its metrics listener.
struct GatewayOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Its metrics listener. Default: as the gateway's configuration has it.", valueName: "host:port"))
    var address: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "A file that holds its METRICS_TOKEN. Default: as the gateway's configuration has it.", valueName: "file"))
    var tokenFile: String?

    @Option(name: .long, help: ArgumentHelp("How long to wait for an answer.", valueName: "seconds"))
    var timeout = "5"

    static let discussion = """
        The token is read from the environment, from the configuration, or from a file, and is never an argument.
        """

    func tool() throws -> StatusTool {
        let timeout = try Arguments.seconds(timeout, "--timeout", 0.001...3_600)
        let configuration = try? configuration()
        let named = try address.map { text in
            guard let address = BindAddress(text) else {
                throw UsageError("--address: expected an address and a port, such as 127.0.0.1:8081")
            }
            return address
        }
        let address =
            try named ?? configuration?.metricsBindAddress
            ?? Settings.read {
                try GatewayConfiguration.metricsAddress(environment: $0, dotEnv: $1)
            }
        return try StatusTool(of: address, token: try token() ?? configuration?.metricsToken, timeout: timeout)
    }

    private func token() throws -> Secret? {
        if let tokenFile {
            guard let data = FileManager.default.contents(atPath: tokenFile), data.count <= 4_096 else {
                throw UsageError("--token-file: cannot be read, or is longer than a token")
            }
            let text = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
            return text.isEmpty ? nil : Secret(text)
        }
        return ProcessInfo.processInfo.environment["METRICS_TOKEN"].flatMap { $0.isEmpty ? nil : Secret($0) }
    }

    /// The gateway's, as `sluice run` would read it here; where that is at fault, the environment alone counts.
    private func configuration() throws -> GatewayConfiguration {
        let environment = ProcessInfo.processInfo.environment
        let dotEnv = try DotEnv.text(ofFile: ".env", repairing: true)
        guard let path = try ConfigurationChoice.path(nil) else {
            return try GatewayConfiguration(environment: environment, dotEnv: dotEnv)
        }
        return try GatewayConfiguration(file: path, environment: environment, dotEnv: dotEnv)
    }
}
