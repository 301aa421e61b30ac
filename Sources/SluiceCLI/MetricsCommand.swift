import ArgumentParser
import SluiceGateway

/// `sluice metrics`: what the metrics mean.
struct MetricsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "metrics", abstract: "Print what every metric on /metrics means, as Markdown.",
        discussion: """
            docs/METRICS.md is made by it.

              sluice metrics > METRICS.md
              sluice metrics | grep -A1 sluice_attempts_total
            """)

    func run() {
        print(MetricsDocument.markdown, terminator: "")
    }
}
