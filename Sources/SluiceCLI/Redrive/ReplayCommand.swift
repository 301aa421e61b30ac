import ArgumentParser
import SluiceGateway

/// `sluice replay`: sends events once more through a sink.
struct ReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "Send events once more through a sink, and steer such jobs.",
        discussion: """
            Slack was misconfigured since Tuesday: see first what would be sent, then send it.

              sluice replay --to slack --from 2026-01-06 --dry-run
              sluice replay --to slack --from 2026-01-06 --rate 5/s --skip-delivered
              sluice replay --to grafana --from 24h --only event=commitDeployed,environment=production
              sluice replay list

            A durable job does it, through the sink's own filters and policies, one event after the other in their order, behind
            live events: it goes on after a restart. Events that come after its start are not part of it.
            """,
        subcommands: [Start.self, List.self, Pause.self, Resume.self, Cancel.self, Watch.self],
        defaultSubcommand: Start.self)

    struct Start: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "start", abstract: "Begin a job. What `sluice replay` does without another word.",
            discussion: """
                Sends what was delivered before too, unless --skip-delivered is given. Ends with 0 when all is done, 1 when the job \
                has stopped or was cancelled, 2 where no gateway runs; a signal ends the watching, and not the job.

                  sluice replay start --to slack --from 2026-01-06T00:00:00Z --until 2026-01-07T00:00:00Z --rate 5/s
                """)

        @OptionGroup var options: DataOptions

        @Option(name: .long, help: ArgumentHelp("The sink.", valueName: "sink"))
        var to: String

        @Option(
            name: .long,
            help: ArgumentHelp(
                "Events that the queue took then or later: an RFC 3339 time, a day, or 2h for so long ago. Default: the oldest.",
                valueName: "time"))
        var from: String?

        @Option(name: .long, help: ArgumentHelp("Events before that. Default: all until now.", valueName: "time"))
        var until: String?

        @Option(
            name: .long,
            help: ArgumentHelp(
                "Only events that have all of this: key=value with commas between; | separates values. May be given again.",
                valueName: "filter"))
        var only: [String] = []

        @Option(name: .long, help: ArgumentHelp("At most so many, such as 5/s or 30/m.", valueName: "rate"))
        var rate: String?

        @Flag(name: .long, help: "Leave out what the sink had before.")
        var skipDelivered = false

        @Flag(
            name: .long, help: "Say how many events there are, from when to when, and how long it takes; send nothing.")
        var dryRun = false

        @Flag(name: .long, help: "Begin the job, and do not wait for its end.")
        var detach = false

        func run() async throws {
            var request = ReplayTool.Request(to: try Arguments.name(to, "--to"))
            request.from = try from.map { try Arguments.moment($0, "--from") }
            request.until = try until.map { try Arguments.moment($0, "--until") }
            do {
                if !only.isEmpty { _ = try EventFilter(words: only) }
            } catch {
                throw UsageError("--only: \(error)")
            }
            _ = try Arguments.read(rate, "--rate", RedriveArguments.rate, RedriveArguments.rateWords)
            (request.only, request.rate, request.skipsDelivered, request.isDry) = (only, rate, skipDelivered, dryRun)
            let directory = try options.directory()
            try await Tool.run { [request, detach] in
                let begun = try await ReplayTool(directory: directory).start(request)
                print(begun.text)
                guard !detach, !begun.jobs.isEmpty else { return }
                try await JobWatch(directory: directory).watch(begun.jobs)
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "Show the jobs of `sluice replay` and `sluice poison retry`.",
            discussion: "  sluice replay list")

        @OptionGroup var options: DataOptions

        @Option(name: .long, help: "table, or json (an object a line).")
        var format = "table"

        func run() async throws {
            guard ["table", "json"].contains(format) else { throw UsageError("--format: expected table or json") }
            let tool = ReplayTool(directory: try options.directory())
            try await Tool.run { try Tool.write(Array(try await tool.list(asJSON: format == "json").utf8)) }
        }
    }

    struct Pause: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "pause", abstract: "Have a job send nothing more until it is resumed.",
            discussion: "  sluice replay pause 3")

        @OptionGroup var options: DataOptions
        @OptionGroup var job: JobArgument

        func run() async throws { try await job.change(.pause, options) }
    }

    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "resume", abstract: "Let a job go on that was paused or has stopped.",
            discussion: "  sluice replay resume 3")

        @OptionGroup var options: DataOptions
        @OptionGroup var job: JobArgument

        func run() async throws { try await job.change(.resume, options) }
    }

    struct Cancel: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "cancel", abstract: "End a job. What it has not sent stays where it is.",
            discussion: "  sluice replay cancel 3")

        @OptionGroup var options: DataOptions
        @OptionGroup var job: JobArgument

        func run() async throws { try await job.change(.cancel, options) }
    }

    struct Watch: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "watch", abstract: "Show a job's progress until it has ended.",
            discussion: "  sluice replay watch 3")

        @OptionGroup var options: DataOptions
        @OptionGroup var job: JobArgument

        func run() async throws {
            let (id, directory) = (try job.number(), try options.directory())
            try await Tool.run { try await JobWatch(directory: directory).watch([id]) }
        }
    }
}

/// A job, by its number.
struct JobArgument: ParsableArguments {
    @Argument(help: "The job's number in `sluice replay list`.")
    var job: String

    func number() throws(UsageError) -> Int64 { Int64(try Arguments.count(job, "<job>")) }

    func change(_ act: ReplayTool.Act, _ options: DataOptions) async throws {
        let id = try number()
        let tool = ReplayTool(directory: try options.directory())
        try await Tool.run { print(try await tool.change(id, act)) }
    }
}
