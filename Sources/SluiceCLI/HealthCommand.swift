import ArgumentParser
import Foundation
import SluiceGateway

/// `sluice health`: whether a gateway is ready, for health checks where there is no curl.
struct HealthCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "health", abstract: "Ask a running gateway whether it is ready.",
        discussion: """
            Prints what /readyz answers. Ends with 0 when the gateway is ready, with 1 when it is not or does not answer in
            time, with 2 when there is none.

              sluice health
              sluice health --address 10.0.0.7:8081 --timeout 2
            """)

    @Option(
        name: .long,
        help: ArgumentHelp("Its metrics listener. Default: as the configuration says.", valueName: "host:port"))
    var address: String?

    @Option(name: .long, help: ArgumentHelp("How long to wait for the answer.", valueName: "seconds"))
    var timeout = "5"

    func run() async throws {
        let timeout = try Arguments.seconds(timeout, "--timeout", 0.001...3_600)
        let check = HealthCheck(
            of: try address.map(GatewayOptions.bindAddress) ?? GatewayOptions.configuredAddress(), timeout: timeout)
        let report = try await check.run()
        FileHandle.standardOutput.write(Data(report.text.utf8))
        if report.isMissing { throw ExitCode(ExitStatus.noGateway) }
        if !report.isReady { throw ExitCode.failure }
    }
}
