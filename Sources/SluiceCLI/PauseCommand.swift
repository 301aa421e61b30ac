import ArgumentParser
import SluiceGateway

/// `sluice pause`: a sink gets nothing until it is resumed.
struct PauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Stop delivering to a sink, until it is resumed.",
        discussion: """
            Events go on being taken in and wait; nothing is lost. The sink stays paused when the gateway is started anew;
            /readyz, sluice_route_paused and the log say so. With Kafka as the queue every gateway of the group obeys.
            What is under way is finished first. Ends with 2 where no gateway runs.

              sluice pause \(GatewayConfiguration.exampleSink) --reason "the channel moves"
            """)

    @OptionGroup var options: DataOptions

    @Option(name: .long, help: "Shown as long as the sink is paused.")
    var reason: String?

    @Argument(help: "The sink: \(GatewayConfiguration.sinkNames).")
    var sink: String

    func run() async throws {
        let sink = try Arguments.name(sink, "<sink>")
        let client = ControlClient(directory: try options.directory())
        try await Tool.run { print(try await client.pause(sink, reason: reason)) }
    }
}
