import ArgumentParser
import SluiceGateway

/// `sluice status`: how a running gateway is, once.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show how a running gateway is.",
        discussion: """
            Prints what the status page shows: the verdict with what can be done, sources, queue, sinks, destinations, poison, and
            the last deployments. Ends with 0 when webhooks are taken in, with 1 when they are not or it does not answer in time,
            with 2 when there is no gateway. \(GatewayOptions.discussion)

              sluice status
              sluice status --address 10.0.0.7:8081 --format json | jq .verdict
            """)

    @OptionGroup
    var gateway: GatewayOptions

    @Option(name: .long, help: ArgumentHelp("text, or json: as /status.json has it.", valueName: "format"))
    var format = "text"

    func run() async throws {
        guard ["text", "json"].contains(format) else { throw UsageError("--format: expected text or json") }
        let tool = try gateway.tool()
        try await Tool.run {
            do {
                let (snapshot, json) = try await tool.ask()
                await tool.close()
                let text = StatusText(snapshot, width: Terminal.width ?? 100, colours: Terminal.colours).text
                try Tool.write(format == "json" ? json : Array(text.utf8))
                if !snapshot.verdict.isReady { throw ExitCode.failure }
            } catch let failure as StatusTool.Failure {
                await tool.close()
                Tool.say("error: \(failure)")
                throw ExitCode(failure.isMissing ? ExitStatus.noGateway : 1)
            }
        }
    }
}
