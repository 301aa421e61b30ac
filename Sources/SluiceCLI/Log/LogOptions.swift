import ArgumentParser
import Sluice
import SluiceGateway

/// Which log a command looks at.
struct LogOptions: ParsableArguments {
    @OptionGroup var data: DataOptions

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Instead of the gateway's log: \(LogLocation.forms). Default: the queue that the configuration names.",
            valueName: "address"))
    var log: String?

    /// - Throws: exit status 78 when the configuration is wrong.
    func location() throws -> LogLocation {
        if let log {
            guard data.data == nil else { throw UsageError("--log: --data names one already") }
            do {
                return try LogLocation(log, environment: try Settings.brokers())
            } catch let error as ToolError {
                throw UsageError("--log: \(error)")
            }
        }
        let file = try ConfigurationChoice.path(nil)
        let hasKafka = try Settings.read { GatewayConfiguration.hasKafka(environment: $0, dotEnv: $1, file: file) }
        if data.data == nil, hasKafka, let kafka = try ConfigurationChoice.read(nil).kafka { return .kafka(kafka) }
        return LogLocation(directory: try data.directory())
    }

    /// The groups of the sinks that are configured; none where that cannot be read.
    func readers() -> Set<String> {
        guard log == nil, let configuration = try? ConfigurationChoice.read(nil) else { return [] }
        return Set(configuration.sinks.map(\.group))
    }

    static func filter(_ words: [String]) throws(UsageError) -> EventFilter? {
        guard !words.isEmpty else { return nil }
        do {
            return try EventFilter(words: words)
        } catch {
            throw UsageError("--only: \(error)")
        }
    }

    static let onlyHelp = ArgumentHelp(
        "Only events that have all of this: key=value with commas between; | separates values. May be given again.",
        valueName: "filter")
}
