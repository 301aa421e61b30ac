import ArgumentParser
import SluiceGateway

/// `sluice why`: where a message is, and what it waits for.
struct WhyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "why", abstract: "Tell the story of a message: each attempt, where it is, what it waits for.",
        discussion: """
            The id is a message's, a commit's (or at least 7 of its first digits), a correlation id, the X-GitHub-Delivery of a
            webhook, or an incident's. Attempts come from the journal, which keeps 7 days unless JOURNAL_RETENTION says otherwise.

              sluice why 4f2c1d9
              sluice why 4f2c1d9 --format json | jq '.messages[].sinks[] | {sink, state, waits_for}'

            Asks the gateway that runs on the data directory; without one its files are read. Ends with 1 when nothing is known of
            the id, 2 where there is neither a gateway nor a journal. docs/WHY.md describes the JSON.
            """)

    @OptionGroup var options: DataOptions

    @Option(name: .long, help: "text, or json (one object).")
    var format = "text"

    @Argument(help: "The message, commit, correlation id, delivery or incident.")
    var id: String

    func run() async throws {
        guard ["text", "json"].contains(format) else { throw UsageError("--format: expected text or json") }
        let id = try Arguments.name(id, "<id>")
        let tool = WhyTool(directory: try options.directory())
        try await Tool.run {
            let report = try await tool.story(of: id)
            try Tool.write(Array((format == "json" ? report.json : report.text).utf8))
        }
    }
}
