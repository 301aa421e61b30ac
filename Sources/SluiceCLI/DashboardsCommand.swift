import ArgumentParser
import SluiceGateway

/// `sluice dashboards`: Grafana's dashboards, out of the program.
struct DashboardsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dashboards", abstract: "Write the Grafana dashboards and their provisioning to a directory.",
        discussion: """
            A file that is there and differs is kept, and then nothing is written; --force replaces it.

              sluice dashboards --out /etc/grafana/sluice
            """)

    @OptionGroup var options: BundleOptions

    func run() throws {
        try options.write(.dashboards)
    }
}
