import ArgumentParser
import SluiceGateway

/// `sluice diff`: what a configuration file would change of the running gateway.
struct DiffCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff", abstract: "Show what a configuration file would change of the running gateway.",
        discussion: """
            Each change is a line, with what it takes: it is in force at once (live), its route is drained and goes on (this route \
            restarts), or the process has to be started anew (needs a restart). Nothing is changed: SIGHUP, or putting the file \
            in the place of the one that the gateway watches, does that.

              sluice diff new.yaml

            Ends with 0 when nothing would change, 1 when something would, 2 where no gateway runs, 78 when the file has faults.
            """)

    @OptionGroup var options: DataOptions

    @Argument(help: ArgumentHelp("The file, or a directory of files.", valueName: "file"))
    var file: String

    func run() async throws {
        try await Tool.run {
            let report = try await DiffTool(directory: options.directory()).changes(of: file)
            try Tool.write(Array(report.text.utf8))
            if report.differs { throw ExitCode.failure }
        }
    }
}
