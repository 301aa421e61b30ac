package import SluiceGateway

/// The one source or sink of each kind, as the environment configures them.
extension GatewayConfiguration {
    package var gitHub: GitHubSource {
        get { source("github") ?? GitHubSource() }
        set { set(newValue, ofSource: "github") }
    }

    package var deployments: DeploymentsSource {
        get { source("deployments") ?? DeploymentsSource() }
        set { set(newValue, ofSource: "deployments") }
    }

    package var grafana: GrafanaSink? {
        get { sinks.first { $0.name == "grafana" }?.options as? GrafanaSink }
        set { set(newValue.map { ConfiguredSink("grafana", $0) }, named: "grafana") }
    }

    package var slack: SlackSink? {
        get { sinks.first { $0.name == "slack" }?.options as? SlackSink }
        set { set(newValue.map { ConfiguredSink("slack", $0) }, named: "slack") }
    }

    /// Changes a sink that is there.
    package mutating func change(_ sink: String, _ change: (inout ConfiguredSink) -> Void) {
        for index in sinks.indices where sinks[index].name == sink { change(&sinks[index]) }
    }

    private func source<Options: SourceOptions>(_ name: String) -> Options? {
        sources.first { $0.name == name }?.options as? Options
    }

    private mutating func set(_ options: some SourceOptions, ofSource name: String) {
        sources.removeAll { $0.name == name }
        sources.append(ConfiguredSource(name, options))
    }

    private mutating func set(_ sink: ConfiguredSink?, named name: String) {
        sinks.removeAll { $0.name == name }
        if let sink { sinks.append(sink) }
    }
}
