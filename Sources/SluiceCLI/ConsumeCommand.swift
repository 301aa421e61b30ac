import ArgumentParser
import Foundation
import Sluice
import SluiceGateway

/// `sluice consume`: messages of any broker become lines on standard output.
struct ConsumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "consume", abstract: "Write each message of a topic as a line to standard output.",
        discussion: """
            Looking makes nothing: a topic, queue or file that is not there is an error. Without a group, Kafka and the
            embedded log keep everything as it was, and the log's files are opened for reading alone. A queue of RabbitMQ
            has no place to look from: what is written is acknowledged, and with that taken out of the queue. With --peek
            it goes back instead, in its place, marked as redelivered; where a quorum queue has a delivery limit, each
            look counts. A request over HTTP is answered once it is written.

            An option that the address cannot honour is an error before anything is read: --group is for Kafka and the
            log, --start too, --peek is for everything but a group and HTTP. SIGINT and SIGTERM end it.

              sluice consume --from sqlite:./sluice-data --format json events
              sluice consume --from kafka://localhost:9092 --start 2026-01-02T00:00:00Z --count 10 events
              sluice consume --from amqp://localhost --peek --idle 1 deployments
            """)

    @Option(name: .long, help: Arguments.addressHelp)
    var from: String

    @Option(name: .long, help: "lines (the payload) or json (an object with all that is known).")
    var format = "lines"

    @Option(name: .long, help: "Read as a member of this consumer group, and settle what is written.")
    var group: String?

    @Option(
        name: .long,
        help: """
            beginning, end, or an RFC 3339 time. Default: beginning. On Kafka, a group that exists goes on where it was; \
            on the log, a group takes none.
            """)
    var start: String?

    @Flag(name: .long, help: "Leave the messages where they are, also those of a RabbitMQ queue.")
    var peek = false

    @Option(
        name: .long, help: "End after so many messages. With --peek on RabbitMQ: at most 65535, and 1000 by default.")
    var count: String?

    @Option(name: .long, help: ArgumentHelp("End when nothing has come for so long.", valueName: "seconds"))
    var idle: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            """
            With --group on Kafka: how long to try to commit what was written, at the end and before a partition goes to \
            another member. Brokers may refuse it while the group changes. Default: 15.
            """, valueName: "seconds"))
    var commitTimeout: String?

    @Argument(help: "The topic, queue, or path.")
    var topic: String

    func run() async throws {
        let address = try Arguments.address(from, "--from", environment: Settings.brokers())
        let topic = try Arguments.topic(topic)
        var tool = ConsumeTool()
        tool.format = try Arguments.format(format)
        tool.count = try count.map { text throws(UsageError) in try Arguments.count(text, "--count") }
        tool.idle = try idle.map { text throws(UsageError) in try Arguments.seconds(text, "--idle", 0...1e9) }
        var options = ConsumeOptions()
        options.group = try Arguments.name(group, "--group")
        options.start = try start.map(Arguments.start)
        options.leavesMessages = peek
        options.count = tool.count
        options.commitTimeout = try commitTimeout.map { text throws(UsageError) in
            try Arguments.seconds(text, "--commit-timeout", 0...3_600)
        }
        do {
            try address.validate(options)
        } catch {
            throw UsageError("\(error)")
        }
        tool.count = options.limit(on: address)
        try await Tool.run(isOurFile: false) { [tool, options] in
            let source = try await address.messages(of: topic, options)
            if tool.idle == nil {
                // It waits for as long as it takes, and ends with no error that would tell why.
                if let obstacle = source.obstacle { Tool.say("waiting: \(obstacle)") }
                Tool.showLog()
            }
            var tool = tool
            // On a terminal the messages themselves show it.
            let bar = Terminal.traits.isTerminal ? nil : ProgressBar("consuming")
            defer { bar?.finish() }
            tool.progress = bar
            let outcome: Result<Int, any Error>
            do {
                let count = try await Tool.untilSignal { [tool] in try await tool.run(from: source, write: Tool.write) }
                outcome = .success(count)
            } catch {
                outcome = .failure(error)
            }
            await source.close()
            Tool.say("\(try outcome.get()) messages consumed")
        }
    }
}
