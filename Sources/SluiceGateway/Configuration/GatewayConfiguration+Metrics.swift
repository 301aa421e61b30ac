extension GatewayConfiguration {
    /// Where the gateway that has this environment and this `.env` file serves its metrics; the rest is not looked at.
    public static func metricsAddress(
        environment: [String: String], dotEnv: String? = nil
    ) throws(EnvironmentError) -> BindAddress {
        let set = environment.filter { !$0.value.isEmpty }
        let file = DotEnv.contents(of: dotEnv ?? "") { $0 == ConfigurationVariable.metricsBindAddress.name }
        var values = ConfigurationValues(file.values.merging(set) { $1 })
        let address = values.address(.metricsBindAddress)
        guard values.problems.isEmpty else { throw EnvironmentError(problems: values.problems) }
        return address ?? GatewayConfiguration().metricsBindAddress
    }

    /// Whether the gateway that has this environment and this `.env` file has Kafka as its queue.
    public static func hasKafka(environment: [String: String], dotEnv: String? = nil) -> Bool {
        let set = environment.filter { !$0.value.isEmpty }
        return ConfigurationValues(DotEnv.parse(dotEnv ?? "").values.merging(set) { $1 }).isSet(.kafkaBrokers)
    }

    /// The data directory of the gateway that has this environment and this `.env` file; the rest is not looked at.
    public static func dataDirectory(
        environment: [String: String], dotEnv: String? = nil
    ) throws(EnvironmentError) -> String {
        let set = environment.filter { !$0.value.isEmpty }
        var values = ConfigurationValues(DotEnv.parse(dotEnv ?? "").values.merging(set) { $1 })
        let path = values.path(.data)
        guard values.problems.isEmpty else { throw EnvironmentError(problems: values.problems) }
        return path ?? GatewayConfiguration().dataDirectory
    }
}
