import ArgumentParser
import SluiceGateway

/// `sluice resume`: a paused sink goes on.
struct ResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Deliver to a paused sink again.",
        discussion: """
            What waited is delivered in its order. Ends with 2 where no gateway runs.

              sluice resume \(GatewayConfiguration.exampleSink)
            """)

    @OptionGroup var options: DataOptions

    @Argument(help: "The sink: \(GatewayConfiguration.sinkNames).")
    var sink: String

    func run() async throws {
        let sink = try Arguments.name(sink, "<sink>")
        let client = ControlClient(directory: try options.directory())
        try await Tool.run { print(try await client.resume(sink)) }
    }
}
