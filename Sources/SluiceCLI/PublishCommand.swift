import ArgumentParser
import Sluice
import SluiceGateway

/// `sluice publish`: lines of standard input become messages of any broker.
struct PublishCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "publish", abstract: "Publish each line of standard input as a message.",
        discussion: """
            Returns when the broker has taken everything. A line that is no message, or a broker that refuses, ends it
            with an error; what stands before it has been published, and how many messages that is is said. So does a
            SIGTERM or SIGINT. A line ends at its line feed: a carriage return before it is part of the message.

            With --format json, what `sluice consume --format json` wrote comes back as it was: payload, key, metadata
            and id, as far as the broker can hold them.

              echo '{"commit_id":"6113728f","env":"staging","timestamp":1767323045}' |
                sluice publish --to amqp://localhost deployments
            """)

    @Option(name: .long, help: Arguments.addressHelp)
    var to: String

    @Option(
        name: .long,
        help: "lines (each line is a payload) or json (an object with payload, and perhaps id, metadata, key).")
    var format = "lines"

    @Option(name: .long, help: ArgumentHelp("Metadata for every message; may be repeated.", valueName: "name=value"))
    var metadata: [String] = []

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The metadata whose value is the key of a message that brings none of its own. For Kafka and the log.",
            valueName: "name"))
    var key: String?

    @Argument(help: "The topic, queue, or path.")
    var topic: String

    func run() async throws {
        let settings = try Settings.brokers()
        let address = try Arguments.address(to, "--to", environment: settings)
        let topic = try Arguments.topic(topic)
        var tool = PublishTool()
        tool.format = try Arguments.format(format)
        tool.metadata = try Arguments.metadata(metadata)
        let key = try Arguments.name(key, "--key")
        do {
            try address.validate(publishingWithKey: key != nil)
        } catch {
            throw UsageError("\(error)")
        }
        try await Tool.run(isOurFile: false) { [tool] in
            let (publisher, end) = try await address.publisher(to: topic, key: key, environment: settings)
            let outcome: Result<Int, any Error>
            do {
                let input = try StandardInput()
                var tool = tool
                let bar = ProgressBar("publishing")
                defer { bar.finish() }
                tool.progress = bar
                tool.shareRead = { input.shareRead }
                outcome = .success(
                    try await Tool.untilSignal(onSignal: { input.interrupt() }) { [tool] in
                        try await tool.run(to: publisher, topic) { try input.read() }
                    })
            } catch {
                outcome = .failure(error)
            }
            await publisher.close()
            await end()
            // Also when it fails: what is known to be taken need not be published again.
            Tool.say("\(tool.taken.count) messages published")
            _ = try outcome.get()
        }
    }
}
