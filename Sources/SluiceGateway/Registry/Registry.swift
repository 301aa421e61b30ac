/// Every kind of source and sink. A new one is a folder and a line here.
enum Registry {
    static let sources: [SourceKind] = [.gitHub, .deployments, .alertmanager, .incidents]
    static let sinks: [SinkKind] = [.grafana, .slack, .http, .sql]

    /// What events go to where no sink is configured.
    static let fallback = ConfiguredSink(ConsoleSink.name, ConsoleSink())

    /// The readers of the queue that the environment may have configured, now or earlier.
    static let readers: Set<String> = Set(
        sinks.map { ConfiguredSink.group($0.name) } + [
            fallback.group, DeploymentsRoute.name, SimulatorRoutes.staging, SimulatorRoutes.production,
        ])
}

extension [String] {
    /// `a, b and c`.
    func joined(last word: String, comma: Bool = false) -> String {
        guard let last = last, count > 1 else { return joined() }
        return dropLast().joined(separator: ", ") + (comma ? "," : "") + " \(word) " + last
    }
}
