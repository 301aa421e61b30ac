import ArgumentParser
import SluiceGateway

/// `sluice groups`: who reads the embedded log, and how far they are.
struct GroupsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "groups", abstract: "List, move and remove the groups that read the queue.",
        discussion: """
            With Kafka as the queue the groups are Kafka's, and a gateway has to run: it is asked, and every gateway of its
            group obeys. Without one, kafka-consumer-groups.sh lists, resets and deletes them.

              sluice groups list
              sluice groups seek \(GatewayConfiguration.exampleGroup) --to 2026-01-02T00:00:00Z
              sluice groups remove log-to-console
            """,
        subcommands: [List.self, Seek.self, Remove.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "Show each group's topic, backlog, and reader.",
            discussion: """
                Asks the gateway, or reads the files where none runs. The gateway is one process: each of its routes is a
                group that this process reads.

                  sluice groups list
                  sluice groups list --format json | jq -r 'select(.backlog > 0).group'
                """)

        @OptionGroup var options: DataOptions

        @Option(name: .long, help: "table, or json (an object a line).")
        var format = "table"

        func run() async throws {
            guard ["table", "json"].contains(format) else { throw UsageError("--format: expected table or json") }
            options.noteKafka()
            let tool = GroupsTool(directory: try options.directory())
            try await Tool.run {
                let text = try await tool.listing(asJSON: format == "json")
                try Tool.write(Array(text.utf8))
            }
        }
    }

    struct Seek: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "seek", abstract: "Move a group, also one that a running gateway reads.",
            discussion: """
                The route that reads it finishes what it has in hand, and goes on from there. What its sink has handled in
                the last 90 days is recognised and not delivered a second time.

                On Kafka the routes of all gateways leave the group, it is moved, and they go on; that takes some seconds, and
                up to 45 s after a gateway was killed. What another gateway has handled may be delivered again. Offsets are
                no position there: each partition has its own.

                  sluice groups seek \(GatewayConfiguration.exampleGroup) --to end
                  sluice groups seek \(GatewayConfiguration.exampleGroup) --to 2026-01-02T00:00:00Z
                """)

        @OptionGroup var options: DataOptions

        @Option(name: .long, help: "Its topic, where groups of several topics have this name.")
        var topic: String?

        @Option(name: .long, help: "beginning, end, an RFC 3339 time, or an offset: the first message to deliver.")
        var to: String

        @Argument(help: "The group, such as \(GatewayConfiguration.exampleGroup).")
        var group: String

        func run() async throws {
            do {
                _ = try GroupsTool.position(to)
            } catch {
                throw UsageError("--to: \(error)")
            }
            let (group, topic) = (try Arguments.name(group, "<group>"), try Arguments.name(topic, "--topic"))
            options.noteKafka()
            let tool = GroupsTool(directory: try options.directory())
            try await Tool.run { print(try await tool.seek(group, topic: topic, to: to)) }
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "remove", abstract: "Forget a group.",
            discussion: """
                A group that a running gateway reads is as if it had never been: its route finishes what it has in hand, and
                begins where it is configured to begin. On Kafka a group of the gateways' that is not read is deleted.

                  sluice groups remove log-to-console
                """)

        @OptionGroup var options: DataOptions

        @Option(name: .long, help: "Its topic, where groups of several topics have this name.")
        var topic: String?

        @Argument(help: "The group, such as log-to-console.")
        var group: String

        func run() async throws {
            let (group, topic) = (try Arguments.name(group, "<group>"), try Arguments.name(topic, "--topic"))
            options.noteKafka()
            let tool = GroupsTool(directory: try options.directory())
            try await Tool.run { print(try await tool.remove(group, topic: topic)) }
        }
    }
}
