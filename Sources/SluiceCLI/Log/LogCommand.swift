import ArgumentParser
import SluiceGateway

/// `sluice log`: what is in the queue.
struct LogCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log", abstract: "Look at what is in the queue, export it and import it.",
        discussion: """
            Looking reads the log's files beside a running gateway or without one, makes nothing and holds nothing up. With Kafka \
            as the queue, topics, stats and tail ask the brokers; export and import are for the embedded log.

              sluice log topics
              sluice log tail -f --only event=deploymentFailed
              sluice log export > events.jsonl
            """,
        subcommands: [Topics.self, Stats.self, LogTailCommand.self, LogExportCommand.self, LogImportCommand.self])

    struct Topics: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "topics", abstract: "Show each topic's messages, size and age.",
            discussion: """
                A size with ~ is estimated from a thousand messages spread over the topic; `sluice log stats --exact` looks at \
                all. Brokers of Kafka tell no sizes, and no time of the newest message.

                  sluice log topics
                  sluice log topics --log kafka://localhost:9092 --format json
                """)

        @OptionGroup var options: LogOptions

        @Option(name: .long, help: "table, or json (an object a line).")
        var format = "table"

        func run() async throws {
            guard ["table", "json"].contains(format) else { throw UsageError("--format: expected table or json") }
            let tool = LogSummaryTool(try options.location())
            try await Tool.run(isOurFile: options.log == nil) {
                let summary = try await tool.read(groups: false)
                try Tool.write(Array((format == "json" ? summary.topicObjects : summary.topicTable).utf8))
            }
        }
    }

    struct Stats: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "stats", abstract: "Show the file, the topics, and how far each group is.",
            discussion: """
                As `topics`, with what the file takes of the disk and with every group's backlog.

                  sluice log stats
                  sluice log stats --exact --format json | jq .topics
                """)

        @OptionGroup var options: LogOptions

        @Flag(name: .long, help: "Look at every message for the sizes, which takes as long as reading them.")
        var exact = false

        @Option(name: .long, help: "table, or json (one object).")
        var format = "table"

        func run() async throws {
            guard ["table", "json"].contains(format) else { throw UsageError("--format: expected table or json") }
            let location = try options.location()
            if exact, case .kafka = location { throw UsageError("--exact: brokers of Kafka tell no sizes") }
            let tool = LogSummaryTool(location, readers: options.readers())
            try await Tool.run(isOurFile: options.log == nil) {
                let summary = try await tool.read(groups: true, isExact: exact)
                try Tool.write(Array((format == "json" ? summary.json : summary.text).utf8))
            }
        }
    }
}
