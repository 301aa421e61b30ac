import ArgumentParser
import SluiceGateway

/// `sluice backup`: a copy of what a gateway keeps.
struct BackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup", abstract: "Copy a gateway's data directory, also while it runs.",
        discussion: """
            Everything that was answered 202 before the backup begins is in it. To restore, stop the gateway and give it
            the copy as its data directory. What was delivered since the backup is delivered again. With Kafka the events
            are Kafka's and are not in it.

              sluice backup /var/backups/sluice/2026-01-02
            """)

    @OptionGroup var options: DataOptions

    @Argument(help: "The directory to write to: missing or empty.")
    var directory: String

    func run() async throws {
        let directory = try Arguments.directory(directory, "<directory>")
        let tool = BackupTool(directory: try options.directory())
        try await Tool.run {
            for copy in try tool.run(to: directory) { print("wrote \(copy.path) (\(copy.bytes) bytes)") }
        }
    }
}
