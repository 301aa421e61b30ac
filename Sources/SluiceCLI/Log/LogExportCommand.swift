import ArgumentParser
import SluiceGateway

/// `sluice log export`: a topic as lines of JSON.
struct LogExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write a topic's messages to standard output, as lines of JSON.",
        discussion: """
            What is there when it begins. `sluice log import` makes the same messages of the lines again: payload, key, metadata, \
            id and time. A line is as `sluice consume --format json` writes it.

              sluice log export > events.jsonl
              sluice log export --since 7d --only event=commitDeployed | jq .payload
              sluice log export poison | gzip > poison.jsonl.gz
            """)

    @OptionGroup var options: LogOptions

    @Option(name: .long, help: ArgumentHelp("Only what is not older: \(MomentText.forms).", valueName: "time"))
    var since: String?

    @Option(name: .long, help: ArgumentHelp("Only what is older.", valueName: "time"))
    var until: String?

    @Option(name: .long, help: LogOptions.onlyHelp)
    var only: [String] = []

    @Argument(help: "The topic. Default: the events.")
    var topic: String?

    func run() async throws {
        let topic = try topic.map(Arguments.topic)
        let since = try since.map { text throws(UsageError) in try Arguments.moment(text, "--since") }
        let until = try until.map { text throws(UsageError) in try Arguments.moment(text, "--until") }
        let only = try LogOptions.filter(only)
        var tool: LogExportTool
        do {
            tool = try LogExportTool(options.location(), topic: topic)
        } catch let error as ToolError {
            throw UsageError("\(error)")
        }
        (tool.since, tool.until, tool.only) = (since, until, only)
        try await Tool.run(isOurFile: options.log == nil) { [tool] in
            // On a terminal the messages themselves show it.
            let bar = Terminal.traits.isTerminal ? nil : ProgressBar("exporting")
            defer { bar?.finish() }
            let count = try await Tool.untilSignal { try tool.run(showing: bar, write: Tool.write) }
            bar?.finish()
            Tool.say("\(count) messages exported")
        }
    }
}
