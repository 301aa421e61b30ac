import ArgumentParser
import SluiceGateway

/// The program `sluice`: one subcommand a file.
struct SluiceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sluice",
        abstract: GatewayConfiguration.abstract,
        discussion: """
            Without a command it runs the gateway. docs/COMMANDS.md has the help of all commands on one page.

              sluice check && sluice run
              sluice status
              sluice log tail -f
              sluice why 4f2c1d9

            Exit statuses:

            \(ExitStatus.helpText)
            """,
        version: SluiceVersion.text,
        subcommands: [
            RunCommand.self, PublishCommand.self, ConsumeCommand.self, HealthCommand.self, StatusCommand.self,
            TopCommand.self, TapCommand.self, MetricsCommand.self,
            GroupsCommand.self, LogCommand.self, PauseCommand.self, ResumeCommand.self, BackupCommand.self,
            DashboardsCommand.self,
            DocumentsCommand.self, TestCommand.self, RulesCommand.self, CheckCommand.self, DiffCommand.self,
            WhyCommand.self, ReportCommand.self, PoisonCommand.self, ReplayCommand.self, ManualCommand.self,
        ],
        defaultSubcommand: RunCommand.self)
}
