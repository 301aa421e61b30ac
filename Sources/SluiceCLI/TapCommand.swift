import ArgumentParser
import SluiceGateway

/// `sluice tap`: the deliveries of a running gateway as they end.
struct TapCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tap", abstract: "Watch deliveries as they end.",
        discussion: """
            Prints a line for each delivery to a sink: when, where, how it ended, and the event. It never slows the gateway: what \
            comes faster than it can be fetched is left out, and counted. Ends with SIGINT, or with 2 where no gateway runs.

              sluice tap --sink slack
              sluice tap --only event=commitDeployed,environment=production --only event=deploymentFailed
            """)

    @OptionGroup var options: DataOptions

    @Option(name: .long, help: ArgumentHelp("Only this sink's deliveries.", valueName: "name"))
    var sink: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Only events that have all of this: key=value with commas between; | separates values. May be given again.",
            valueName: "filter"))
    var only: [String] = []

    @Option(name: .long, help: ArgumentHelp("lines, or json: an object a line.", valueName: "format"))
    var format = "lines"

    func run() async throws {
        let format = try Arguments.format(format)
        let directory = try options.directory()
        let tool: TapTool
        do {
            tool = try TapTool(directory: directory, sink: sink, only: only)
        } catch {
            throw UsageError("--only: \(error)")
        }
        try await Tool.run {
            try await Tool.untilSignal {
                try await tool.run(asJSON: format == .json, colours: Terminal.colours) {
                    try Tool.write(Array($0.utf8))
                }
            }
        }
    }
}
