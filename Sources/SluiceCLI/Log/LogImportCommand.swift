import ArgumentParser
import SluiceGateway

/// `sluice log import`: lines of JSON become messages of the log.
struct LogImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Append what `export` wrote to a log, with ids and times as they were.",
        discussion: """
            Reads standard input, and makes the log where there is none; a gateway may run on it. Each line goes to the topic that \
            it names, unless one is given. Lines that are imported twice are there twice. What is older than the log's retention \
            keeps goes with its next sweep.

            Groups that read a topic would be given everything that is imported into it, sinks included: that has to be asked for \
            with --deliver. A line that is no message, or a signal, ends it with an error; what stands before is in the log, and \
            how many messages that is is said.

              sluice log import --data ./copy < events.jsonl
              zcat poison.jsonl.gz | sluice log import poison
            """)

    @OptionGroup var options: LogOptions

    @Flag(name: .long, help: "Also where groups read the topic: they are given what is imported.")
    var deliver = false

    @Argument(help: "The topic for all lines. Default: the one that each names.")
    var topic: String?

    func run() async throws {
        let topic = try topic.map(Arguments.topic)
        var tool: LogImportTool
        do {
            tool = try LogImportTool(options.location(), topic: topic)
        } catch let error as ToolError {
            throw UsageError("\(error)")
        }
        tool.delivers = deliver
        try await Tool.run(isOurFile: options.log == nil) { [tool] in
            var tool = tool
            let input = try StandardInput()
            tool.shareRead = { input.shareRead }
            let bar = ProgressBar("importing")
            let outcome: Result<Void, any Error>
            do {
                outcome = .success(
                    try await Tool.untilSignal(onSignal: { input.interrupt() }) { [tool] in
                        try await tool.run(showing: bar) { try input.read() }
                    })
            } catch {
                outcome = .failure(error)
            }
            bar.finish()
            // Also when it fails: what is known to be there need not be imported again.
            Tool.say("\(tool.count) messages imported")
            try outcome.get()
        }
    }
}
