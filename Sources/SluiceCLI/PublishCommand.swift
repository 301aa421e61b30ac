import ArgumentParser
import Sluice
import SluiceGateway

/// `sluice publish`: lines of standard input become messages of any broker.
struct PublishCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "publish", abstract: "Publish each line of standard input as a message.",
        discussion: """
            Returns when the broker has taken everything. A line that is no message, or a broker that refuses, ends it
            with an error; what stands before it has been published.

              echo '{"commit_id":"6113728f","env":"staging","timestamp":1767323045}' |
                sluice publish --to amqp://localhost deployments
            """)

    @Option(name: .long, help: Tool.address, transform: { try BrokerAddress($0) })
    var to: BrokerAddress

    @Option(
        name: .long, help: "lines (each line is a payload) or json (an object with id, metadata, payload).",
        transform: Tool.format)
    var format: MessageFormat = .lines

    @Option(name: .long, help: ArgumentHelp("Metadata for every message; may be repeated.", valueName: "name=value"))
    var metadata: [String] = []

    @Option(name: .long, help: ArgumentHelp("The metadata whose value is a message's key.", valueName: "name"))
    var key: String?

    @Argument(help: "The topic, queue, or path.")
    var topic: String

    func validate() throws {
        if let wrong = metadata.first(where: { !$0.dropFirst().contains("=") }) {
            throw ValidationError("--metadata: expected name=value instead of \(wrong)")
        }
        if topic.isEmpty { throw ValidationError("expected a topic") }
    }

    func run() async throws {
        var tool = PublishTool()
        tool.format = format
        for pair in metadata {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if let name = parts.first, let value = parts.last { tool.metadata[String(name)] = String(value) }
        }
        try await Tool.run {
            let (publisher, end) = try await to.publisher(key: key)
            let outcome: Result<Int, any Error>
            do {
                // Blocks a thread of the pool while there is no input: nothing else wants it here.
                outcome = .success(try await tool.run(to: publisher, Topic(topic), read: Tool.read))
            } catch {
                outcome = .failure(error)
            }
            await publisher.close()
            await end()
            Tool.say("\(try outcome.get()) messages published")
        }
    }
}
