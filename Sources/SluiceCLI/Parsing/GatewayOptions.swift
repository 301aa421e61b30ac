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
        let address = try address.map(Self.bindAddress) ?? Self.configuredAddress()
        return try StatusTool(of: address, token: try token(), timeout: timeout)
    }

    static func bindAddress(_ text: String) throws -> BindAddress {
        guard let address = BindAddress(text) else {
            throw UsageError("--address: expected an address and a port, such as 127.0.0.1:8081")
        }
        return address
    }

    /// As the gateway's configuration has it.
    static func configuredAddress() throws -> BindAddress {
        let file = try ConfigurationChoice.path(nil)
        return try Settings.read {
            try GatewayConfiguration.metricsAddress(environment: $0, dotEnv: $1, file: file)
        }
    }

    private func token() throws -> Secret? {
        guard let tokenFile else {
            let file = try ConfigurationChoice.path(nil)
            // Where the configuration is at fault, the gateway may run by an earlier one, and says whether it asks for a token.
            return try? GatewayConfiguration.metricsToken(
                environment: ProcessInfo.processInfo.environment,
                dotEnv: DotEnv.text(ofFile: ".env", repairing: true), file: file)
        }
        guard let data = FileManager.default.contents(atPath: tokenFile), data.count <= 4_096 else {
            throw UsageError("--token-file: cannot be read, or is longer than a token")
        }
        let text = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        return text.isEmpty ? nil : Secret(text)
    }
}
