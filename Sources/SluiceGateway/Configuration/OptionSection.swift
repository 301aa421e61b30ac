/// Variables that belong together, under one title.
struct OptionSection: Sendable {
    let title: String
    let variables: [ConfigurationVariable]

    /// Every section, in the order in which they are shown.
    static let all: [OptionSection] =
        [
            OptionSection(
                title: "Listeners and data",
                variables: [ProcessOptions.configuration.variable] + variables(GatewayConfiguration.processSettings))
        ]
        + Registry.sources.map { OptionSection(title: $0.title, variables: $0.options) }
        + Registry.sinks.map { OptionSection(title: $0.title, variables: $0.options) }
        + [
            OptionSection(title: "All sinks", variables: variables(GatewayConfiguration.sinkSettings)),
            OptionSection(title: "Simulated deployments", variables: GatewayConfiguration.Simulator.options),
            OptionSection(title: "What is kept", variables: variables(GatewayConfiguration.retentionSettings)),
            OptionSection(title: "The journal", variables: variables(GatewayConfiguration.journalSettings)),
            OptionSection(title: "Kafka as the queue", variables: KafkaOptions.all),
            OptionSection(title: "Log and shutdown", variables: variables(GatewayConfiguration.logSettings)),
            OptionSection(title: "Traces", variables: variables(GatewayConfiguration.tracingSettings)),
        ].filter { !$0.variables.isEmpty }

    private static func variables(_ settings: [ConfigurationSetting]) -> [ConfigurationVariable] {
        settings.map(\.variable)
    }
}
