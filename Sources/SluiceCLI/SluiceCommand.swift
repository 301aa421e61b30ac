import ArgumentParser
import SluiceGateway

/// The program `sluice`: one subcommand a file.
struct SluiceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sluice",
        abstract: "An observability-first event gateway: GitHub webhooks and deployments in, Grafana and Slack out.",
        version: SluiceVersion.text,
        subcommands: [
            RunCommand.self, PublishCommand.self, ConsumeCommand.self, HealthCommand.self, MetricsCommand.self,
            GroupsCommand.self, PauseCommand.self, ResumeCommand.self, BackupCommand.self, DashboardsCommand.self,
            RulesCommand.self,
        ],
        defaultSubcommand: RunCommand.self)
}
