import ArgumentParser
import Sluice
import SluiceGateway

/// `sluice log tail`: the newest messages of a topic.
struct LogTailCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tail", abstract: "Show the newest messages as readable lines.",
        discussion: """
            A line is when the log took the message, and what it says; of what was poisoned also why, and by which route. With -f \
            it goes on until SIGINT. On Kafka it begins with --since or with what comes (-f).

              sluice log tail
              sluice log tail -f --only event=commitDeployed,environment=production --only event=deploymentFailed
              sluice log tail -n 100 --only repository=acme/shop
              sluice log tail --since 2h --format json poison
            """)

    @OptionGroup var options: LogOptions

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "How many of the newest. Default: 10, and with --since all, at most \(LogTailTool.mostLines).",
            valueName: "count"))
    var number: String?

    @Flag(name: .shortAndLong, help: "Go on with what comes.")
    var follow = false

    @Option(name: .long, help: ArgumentHelp("Only what is not older: \(MomentText.forms).", valueName: "time"))
    var since: String?

    @Option(name: .long, help: LogOptions.onlyHelp)
    var only: [String] = []

    @Option(name: .long, help: "lines, or json: as `sluice consume` writes it.")
    var format = "lines"

    @Argument(help: "The topic. Default: the events.")
    var topic: String?

    func run() async throws {
        let topic = try topic.map(Arguments.topic)
        let since = try since.map { text throws(UsageError) in try Arguments.moment(text, "--since") }
        let number = try number.map { text throws(UsageError) in try Arguments.wholeNumber(text, "--number") }
        guard number ?? 0 <= LogTailTool.mostLines else {
            throw UsageError("--number: expected at most \(LogTailTool.mostLines)")
        }
        let (format, only) = (try Arguments.format(format), try LogOptions.filter(only))
        let location = try options.location()
        var isKafka = false
        if case .kafka = location { isKafka = true }
        if isKafka, number != nil {
            throw UsageError(
                "--number: each partition of Kafka's has an end of its own: begin with --since, or with -f")
        }
        if isKafka, since == nil, !follow { throw UsageError("on Kafka a tail begins with --since, or with -f") }
        var tool = LogTailTool(location, topic: topic)
        tool.lines = number ?? (since == nil && !isKafka ? 10 : nil)
        tool.since = since
        tool.only = only
        tool.follows = follow
        tool.format = format
        tool.colours = Terminal.colours
        try await Tool.run(isOurFile: options.log == nil) { [tool] in
            try await Tool.untilSignal { try await tool.run { try Tool.write($0) } }
        }
    }
}
