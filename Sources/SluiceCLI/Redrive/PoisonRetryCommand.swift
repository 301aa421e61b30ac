import ArgumentParser
import SluiceGateway

/// `sluice poison retry`: puts messages back to where they failed.
struct PoisonRetryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry", abstract: "Put messages back to where they failed, and nowhere else.",
        discussion: """
            A durable job does it, behind the live messages: it goes on after a restart, and `sluice replay list|pause|resume|\
            cancel|watch` steers it. What the sink had meanwhile is recognised and not delivered twice. What fails again is in
            the poison queue once more, and counts its rounds; from the 3rd on it takes --force. What is poisoned after the
            start is never part of the job.

              sluice poison retry --cause 3f2a91c0 --dry-run
              sluice poison retry --cause 3f2a91c0 --canary 3 --rate 5/s
              sluice poison retry --file slack.jsonl

            With --canary the oldest, the newest and some between go first: when one fails again, the job stops. It stops later
            when more than --max-failures of at least 10 fail. Ends with 0 when all is done, 1 when the job has stopped or was
            cancelled, 2 where no gateway runs; a signal ends the watching, and not the job.
            """)

    @OptionGroup var options: DataOptions
    @OptionGroup var selection: PoisonOptions

    @Flag(name: .long, help: "All messages of the poison queue.")
    var all = false

    @Option(name: .long, help: ArgumentHelp("Messages that `sluice poison export` wrote.", valueName: "file"))
    var file: String?

    @Option(name: .long, help: ArgumentHelp("So many go first, and stop the job when they fail.", valueName: "count"))
    var canary: String?

    @Option(name: .long, help: ArgumentHelp("At most so many, such as 5/s or 30/m.", valueName: "rate"))
    var rate: String?

    @Option(name: .long, help: ArgumentHelp("Stop when a larger share fails again. Default: 20%.", valueName: "share"))
    var maxFailures: String?

    @Flag(name: .long, help: "Also what has come back 3 times or more.")
    var force = false

    @Flag(name: .long, help: "Say what would be done, and do nothing.")
    var dryRun = false

    @Flag(name: .long, help: "Begin the job, and do not wait for its end.")
    var detach = false

    @Argument(help: "Messages, by id or offset (on Kafka partition:offset). Default: all that the options leave.")
    var ids: [String] = []

    func run() async throws {
        let filter = try selection.filter(ids: ids)
        guard !filter.isEmpty || all || file != nil else {
            throw UsageError("expected what to retry: --cause, --route, ids, --file, or --all")
        }
        var retry = PoisonTool.Retry()
        retry.canaries = try Arguments.read(
            canary, "--canary", RedriveArguments.canaries, RedriveArguments.canaryWords)
        _ = try Arguments.read(rate, "--rate", RedriveArguments.rate, RedriveArguments.rateWords)
        _ = try Arguments.read(maxFailures, "--max-failures", RedriveArguments.share, RedriveArguments.shareWords)
        (retry.rate, retry.failureShare, retry.file) = (rate, maxFailures, file)
        (retry.isForced, retry.isDry) = (force, dryRun)
        let directory = try options.directory()
        let tool = PoisonTool(directory: directory)
        try await Tool.run { [retry, detach] in
            let begun = try await tool.retry(filter, retry)
            print(begun.text)
            guard !detach, !begun.jobs.isEmpty else { return }
            try await JobWatch(directory: directory).watch(begun.jobs)
        }
    }
}

/// `sluice poison drop`: lets messages go.
struct PoisonDropCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drop", abstract: "Let messages go: they are in the poison queue no more.",
        discussion: """
            `sluice poison export` first, where they may be wanted again. Who dropped what, and when, is recorded on the topic
            `redrive`.

              sluice poison drop --cause 3f2a91c0 --dry-run
              sluice poison drop 42 43
            """)

    @OptionGroup var options: DataOptions
    @OptionGroup var selection: PoisonOptions

    @Flag(name: .long, help: "All messages of the poison queue.")
    var all = false

    @Flag(name: .long, help: "Say what would be done, and do nothing.")
    var dryRun = false

    @Argument(help: "Messages, by id or offset (on Kafka partition:offset). Default: all that the options leave.")
    var ids: [String] = []

    func run() async throws {
        let filter = try selection.filter(ids: ids)
        guard !filter.isEmpty || all else {
            throw UsageError("expected what to drop: --cause, --route, ids, or --all")
        }
        let tool = PoisonTool(directory: try options.directory())
        try await Tool.run { print(try await tool.drop(filter, isDry: dryRun)) }
    }
}
