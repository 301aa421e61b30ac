import ArgumentParser
import SluiceGateway

/// `sluice poison`: what could not be delivered, why, and what becomes of it.
struct PoisonCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "poison", abstract: "List, retry, drop, export and annotate what could not be delivered.",
        discussion: """
            Messages that can never be delivered lie in the topic `poison`. `list` groups them by their cause; once that is
            mended, `retry` puts them back to where they failed, and nowhere else.

              sluice poison list
              sluice poison retry --cause 3f2a91c0 --canary 3 --rate 5/s
              sluice poison export --route slack >slack.jsonl
              sluice poison drop --cause 3f2a91c0

            On the embedded log list, show and export read the files, whether a gateway runs or not, and drop and note do
            without one; retry asks the gateway that runs on the data directory and ends with 2 where none does. With Kafka as
            the queue all of them ask it; list, show and export also read the brokers, with --from. docs/REPLAY.md has it all.
            """,
        subcommands: [
            PoisonListCommand.self, PoisonShowCommand.self, PoisonRetryCommand.self, PoisonDropCommand.self,
            PoisonExportCommand.self, PoisonNoteCommand.self,
        ])
}

struct PoisonListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Show the causes: how many messages, since when, what they wait for.",
        discussion: """
            A cause is the route and the reason, with numbers, ids and times left out.

              sluice poison list --route slack --since 2h
              sluice poison list --format json | jq -r 'select(.count > 100) | .cause'
            """)

    @OptionGroup var options: DataOptions
    @OptionGroup var source: PoisonSource
    @OptionGroup var selection: PoisonOptions

    @Option(name: .long, help: "table, or json (an object a line).")
    var format = "table"

    func run() async throws {
        guard ["table", "json"].contains(format) else { throw UsageError("--format: expected table or json") }
        let filter = try selection.filter()
        let tool = try source.tool(options)
        try await Tool.run { try Tool.write(Array(try await tool.list(filter, asJSON: format == "json").utf8)) }
    }
}

struct PoisonShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show one message: why it failed, its metadata, its payload.",
        discussion: """
              sluice poison show 017f22e2-79b0-7cc3-98c4-dc0c0c07398f
              sluice poison show 42
            """)

    @OptionGroup var options: DataOptions
    @OptionGroup var source: PoisonSource

    @Argument(help: "The message's id, or its offset in the poison queue; on Kafka partition:offset.")
    var id: String

    func run() async throws {
        let id = try Arguments.name(id, "<id>")
        let tool = try source.tool(options)
        try await Tool.run { try Tool.write(Array(try await tool.show(id).utf8)) }
    }
}

struct PoisonExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write messages to standard output, a JSON object a line.",
        discussion: """
            `sluice poison retry --file` takes them back.

              sluice poison export --cause 3f2a91c0 >cause.jsonl
            """)

    @OptionGroup var options: DataOptions
    @OptionGroup var source: PoisonSource
    @OptionGroup var selection: PoisonOptions

    func run() async throws {
        let filter = try selection.filter()
        let tool = try source.tool(options)
        try await Tool.run {
            let count = try await tool.export(filter) { try Tool.write($0) }
            Tool.say("exported \(count) messages")
        }
    }
}

struct PoisonNoteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "note", abstract: "Note something about a cause, for all who list it.",
        discussion: """
              sluice poison note 3f2a91c0 "the channel was archived; Ada makes a new one"
              sluice poison note 3f2a91c0 ""
            """)

    @OptionGroup var options: DataOptions

    @Argument(help: "The cause: its key in `sluice poison list`, or the beginning of it.")
    var cause: String

    @Argument(help: "The note; an empty one is forgotten.")
    var text: String

    func run() async throws {
        let cause = try Arguments.name(cause, "<cause>")
        let tool = PoisonTool(directory: try options.directory())
        try await Tool.run { print(try await tool.note(cause, text)) }
    }
}
