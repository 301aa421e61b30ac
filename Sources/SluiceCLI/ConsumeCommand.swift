import ArgumentParser
import Foundation
import Sluice
import SluiceGateway

/// `sluice consume`: messages of any broker become lines on standard output.
struct ConsumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "consume", abstract: "Write each message of a topic as a line to standard output.",
        discussion: """
            Without a group, nothing is settled where the broker keeps its messages (Kafka, the embedded log): look as
            often as you like. A queue of RabbitMQ gives each message once. SIGINT and SIGTERM end it.

              sluice consume --from sqlite:./sluice-data --format json events
              sluice consume --from kafka://localhost:9092 --start 2026-01-02T00:00:00Z --count 10 events
            """)

    @Option(name: .long, help: Tool.address, transform: { try BrokerAddress($0) })
    var from: BrokerAddress

    @Option(
        name: .long, help: "lines (the payload) or json (an object with all that is known).", transform: Tool.format)
    var format: MessageFormat = .lines

    @Option(name: .long, help: "Read as a member of this consumer group, and settle what is written.")
    var group: String?

    @Option(
        name: .long, help: "beginning, end, or an RFC 3339 time; a group that exists goes on where it was.",
        transform: Tool.start)
    var start: ConsumeOptions.Start = .beginning

    @Option(name: .long, help: "End after so many messages.")
    var count: Int?

    @Option(name: .long, help: ArgumentHelp("End when nothing has come for so long.", valueName: "seconds"))
    var idle: Double?

    @Argument(help: "The topic, queue, or path.")
    var topic: String

    func validate() throws {
        if let count, count < 1 { throw ValidationError("--count: expected at least 1") }
        if let idle, !(0...1e9).contains(idle) { throw ValidationError("--idle: expected seconds from 0") }
        if topic.isEmpty { throw ValidationError("expected a topic") }
    }

    func run() async throws {
        var tool = ConsumeTool()
        tool.format = format
        tool.count = count
        tool.idle = idle.map { .milliseconds(Int64($0 * 1_000)) }
        var options = ConsumeOptions()
        options.group = group
        options.start = start
        try await Tool.run {
            let source = try await from.messages(of: Topic(topic), options)
            let outcome: Result<Int, any Error>
            do {
                let count = try await Tool.untilSignal { [tool] in
                    try await tool.run(from: source) { try FileHandle.standardOutput.write(contentsOf: Data($0)) }
                }
                outcome = .success(count)
            } catch {
                outcome = .failure(error)
            }
            await source.close()
            Tool.say("\(try outcome.get()) messages consumed")
        }
    }
}
