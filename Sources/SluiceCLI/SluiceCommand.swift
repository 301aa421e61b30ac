import ArgumentParser
import SluiceGateway

/// The program `sluice`: one subcommand a file.
struct SluiceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sluice",
        abstract: GatewayConfiguration.abstract,
        version: SluiceVersion.text,
        subcommands: [
            RunCommand.self, PublishCommand.self, ConsumeCommand.self, HealthCommand.self, StatusCommand.self,
            TopCommand.self, TapCommand.self, MetricsCommand.self,
            GroupsCommand.self, PauseCommand.self, ResumeCommand.self, BackupCommand.self, DashboardsCommand.self,
            DocumentsCommand.self, TestCommand.self, RulesCommand.self, CheckCommand.self, DiffCommand.self,
            WhyCommand.self, PoisonCommand.self, ReplayCommand.self,
        ],
        defaultSubcommand: RunCommand.self)
}
