import ArgumentParser
import SluiceGateway

/// `sluice metrics`: what the metrics mean.
struct MetricsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "metrics", abstract: "Print what every metric on /metrics means, as Markdown.")

    func run() {
        print(MetricsDocument.markdown, terminator: "")
    }
}
