import ArgumentParser
import Foundation
import Sluice
import SluiceGateway

/// `sluice report`: what the queue's memory says of longer times.
struct ReportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report", abstract: "Tell what was deployed, what it brought, and what became of it.",
        discussion: "  sluice report deployments --since 30d",
        subcommands: [Deployments.self])

    struct Deployments: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "deployments",
            abstract: "The five figures of DORA by service and environment, with what they are made from.",
            discussion: """
                Change lead time, deployment frequency, change fail rate, failed deployment recovery time and deployment rework \
                rate, each with n, median, p75, p95, what changed since the period before, and how much of it is known; what \
                is in staging only; the last deployments with their contents and verdicts, and the rule behind each. \
                docs/DEPLOYMENTS.md defines every word, docs/REPORT.md describes the JSON.

                Reads what the gateway keeps in its data directory, whether it runs or not; --from reads the queue itself \
                (its topic of facts), or lines of JSON.

                  sluice report deployments --since 30d
                  sluice report deployments --since 2026-01-01 --until 2026-04-01 --service shop --env production
                  sluice report deployments --commits --since 7d --repository acme/shop
                  sluice report deployments --format html > deployments.html
                  sluice report deployments --format json | jq '.places[] | {service, environment, figures}'
                  sluice report deployments --from kafka://localhost:9092 --topic events-facts
                  sluice report deployments --from facts.jsonl

                Ends with 0, also when nothing is known; 1 when the facts cannot be read, 2 where no gateway keeps its data, 78 for \
                a line that is no fact.
                """)

        @OptionGroup var options: DataOptions

        @Option(
            name: .long,
            help: ArgumentHelp(
                "From when: a date (2026-01-02, midnight in UTC), an RFC 3339 time, or so long before --until (30d, 12h). Default: 90d.",
                valueName: "time"))
        var since: String?

        @Option(
            name: .long,
            help: ArgumentHelp(
                "Until when, without that moment; a duration is before now. Default: now.", valueName: "time"))
        var until: String?

        @Option(name: .long, help: ArgumentHelp("Only what is of this repository.", valueName: "owner/name"))
        var repository: String?

        @Option(name: .long, help: "Only this service.")
        var service: String?

        @Option(name: .long, help: ArgumentHelp("Only this environment.", valueName: "environment"))
        var env: String?

        @Option(name: .long, help: "table, json (one object), csv (a row a figure, or a commit), or html (one page).")
        var format = "table"

        @Flag(
            name: .long, help: "One row for each commit: where it was deployed, its lead time, or why that is unknown.")
        var commits = false

        @Option(
            name: .long,
            help: ArgumentHelp(
                "Read facts from here instead: sqlite:PATH, kafka://HOST:PORT,…, a file with a fact a line, or - for standard input.",
                valueName: "address"))
        var from: String?

        @Option(
            name: .long,
            help: "With --from, the topic of the facts. Default: facts, on Kafka KAFKA_TOPIC (events) and -facts.")
        var topic: String?

        func run() async throws {
            let now = Timestamp.now()
            var tool = ReportTool()
            guard let format = ReportTool.Format(rawValue: format) else {
                throw UsageError("--format: expected table, json, csv or html")
            }
            tool.format = format
            tool.until = try until.map { text throws(UsageError) in try Arguments.moment(text, "--until", before: now) }
            tool.since = try since.map { text throws(UsageError) in
                try Arguments.moment(text, "--since", before: tool.until ?? now)
            }
            tool.repository = try Arguments.name(repository, "--repository")
            tool.service = try Arguments.name(service, "--service")
            tool.environment = try Arguments.name(env, "--env")
            tool.listsCommits = commits
            // What is piped is never cut.
            if let width = Terminal.width { tool.width = max(60, width) }
            guard from != nil || topic == nil else { throw UsageError("--topic: needs --from with an address") }
            let origin = try origin()
            let ready = tool
            // A long history takes memory; what the start took goes first.
            StartPages.giveBack()
            try await Tool.run { try await ready.run(origin, now: now) { try Tool.write($0) } }
        }

        private func origin() throws -> ReportTool.Origin {
            guard let from else { return .directory(try options.directory()) }
            if from == "-" {
                let input = FileHandle.standardInput
                return .lines { Array(input.availableData) }
            }
            let isAddress = ["sqlite:", "kafka:", "amqp:", "amqps:", "http:", "https:"].contains { from.hasPrefix($0) }
            guard isAddress else {
                guard let file = FileHandle(forReadingAtPath: from) else {
                    throw UsageError("--from: no file can be read there")
                }
                return .lines { Array(try file.read(upToCount: 1 << 20) ?? Data()) }
            }
            let environment = ProcessInfo.processInfo.environment
            let address = try Arguments.address(from, "--from", environment: environment)
            let topic = try topic.map { text throws(UsageError) in try Arguments.topic(text) }
            switch address {
            case .sqlite: return .queue(address, topic ?? "facts")
            case .kafka: return .queue(address, topic ?? Topic("\(environment["KAFKA_TOPIC"] ?? "events")-facts"))
            case .amqp, .http:
                throw UsageError("--from: facts are kept on the log or on Kafka: sqlite:PATH or kafka://HOST:PORT")
            }
        }
    }
}
