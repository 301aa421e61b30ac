extension GatewayConfiguration {
    /// Where the gateway that has this environment and this `.env` file serves its metrics; the rest is not looked at.
    public static func metricsAddress(
        environment: [String: String], dotEnv: String? = nil
    ) throws(EnvironmentError) -> BindAddress {
        var values = try values(of: [ProcessOptions.metricsBindAddress.variable], environment, dotEnv)
        let address = values.read(ProcessOptions.metricsBindAddress)
        guard values.problems.isEmpty else { throw EnvironmentError(problems: values.problems) }
        return address ?? GatewayConfiguration().metricsBindAddress
    }

    /// Whether the gateway that has this environment and this `.env` file has Kafka as its queue.
    public static func hasKafka(environment: [String: String], dotEnv: String? = nil) -> Bool {
        (try? values(of: [KafkaOptions.brokers.variable], environment, dotEnv))?.isSet(KafkaOptions.brokers) ?? false
    }

    /// The data directory of the gateway that has this environment and this `.env` file; the rest is not looked at.
    public static func dataDirectory(
        environment: [String: String], dotEnv: String? = nil
    ) throws(EnvironmentError) -> String {
        var values = try values(of: [ProcessOptions.data.variable], environment, dotEnv)
        let path = values.read(ProcessOptions.data)
        guard values.problems.isEmpty else { throw EnvironmentError(problems: values.problems) }
        return path ?? GatewayConfiguration().dataDirectory
    }

    /// What is set of brokers for the gateway that has this environment and this `.env` file; the rest is not
    /// looked at.
    public static func brokerSettings(
        environment: [String: String], dotEnv: String? = nil
    ) throws(EnvironmentError) -> [String: String] {
        let variables = KafkaOptions.all + Registry.sources.flatMap(\.options)
        return try values(of: variables, environment, dotEnv).all
    }

    /// A variable that is set to nothing counts as not set.
    private static func values(
        of variables: [ConfigurationVariable], _ environment: [String: String], _ dotEnv: String?
    ) throws(EnvironmentError) -> ConfigurationValues {
        let names = Set(variables.map { Substring($0.name) })
        let file = DotEnv.contents(of: dotEnv ?? "") { names.contains($0) }
        guard file.problems.isEmpty else { throw EnvironmentError(problems: file.problems) }
        let set = environment.filter { !$0.value.isEmpty }
        let ours = file.values.filter { names.contains(Substring($0.key)) }
        return ConfigurationValues(ours.merging(set) { $1 })
    }
}
