import ArgumentParser
import SluiceGateway

/// `sluice rules`: Prometheus' configuration and rules, out of the program.
struct RulesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rules",
        abstract:
            "Write the Prometheus configuration, its recording and alerting rules, and the runbook to a directory.",
        discussion: """
            A file that is there and differs is kept, and then nothing is written; --force replaces it.

              sluice rules --out /etc/prometheus/sluice
            """)

    @OptionGroup var options: BundleOptions

    func run() throws {
        try options.write(.rules)
    }
}
