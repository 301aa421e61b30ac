extension GatewayConfiguration {
    /// Where the gateway that has this environment, this `.env` file and this configuration file serves its metrics; the rest is
    /// not looked at.
    /// - Parameters:
    ///   - environment: the variables.
    ///   - dotEnv: the text of a `.env` file.
    ///   - file: nil where there is none.
    /// - Throws: ``EnvironmentError``; ``FileFaults`` where the file is no YAML.
    public static func metricsAddress(
        environment: [String: String], dotEnv: String? = nil, file: String? = nil
    ) throws -> BindAddress {
        try value(of: ProcessOptions.metricsBindAddress, environment, dotEnv, file)
            ?? GatewayConfiguration().metricsBindAddress
    }

    /// What one has to show to that gateway to see its metrics and its status; nil where it asks for nothing.
    /// - Parameters:
    ///   - environment: the variables.
    ///   - dotEnv: the text of a `.env` file.
    ///   - file: nil where there is none.
    /// - Throws: ``EnvironmentError``; ``FileFaults`` where the file is no YAML.
    public static func metricsToken(
        environment: [String: String], dotEnv: String? = nil, file: String? = nil
    ) throws -> Secret? {
        try value(of: ProcessOptions.metricsToken, environment, dotEnv, file)
    }

    /// The data directory of that gateway; the rest is not looked at.
    /// - Parameters:
    ///   - environment: the variables.
    ///   - dotEnv: the text of a `.env` file.
    ///   - file: nil where there is none.
    /// - Throws: ``EnvironmentError``; ``FileFaults`` where the file is no YAML.
    public static func dataDirectory(
        environment: [String: String], dotEnv: String? = nil, file: String? = nil
    ) throws -> String {
        try value(of: ProcessOptions.data, environment, dotEnv, file) ?? GatewayConfiguration().dataDirectory
    }

    /// Whether that gateway has Kafka as its queue.
    /// - Parameters:
    ///   - environment: the variables.
    ///   - dotEnv: the text of a `.env` file.
    ///   - file: nil where there is none.
    public static func hasKafka(
        environment: [String: String], dotEnv: String? = nil, file: String? = nil
    ) -> Bool {
        if let file { return (try? document(file, environment, dotEnv))?["queue"]?["kind"]?.text == "kafka" }
        return (try? values(of: [KafkaOptions.brokers.variable], environment, dotEnv))?.isSet(KafkaOptions.brokers)
            ?? false
    }

    /// What is set of an option of the process. The environment counts more than the file.
    private static func value<Value>(
        of option: ConfigurationOption<Value>, _ environment: [String: String], _ dotEnv: String?, _ file: String?
    ) throws -> Value? {
        var values = try values(of: [option.variable], environment, dotEnv)
        var prefix = ""
        if !values.isSet(option), let file, let section = try document(file, environment, dotEnv)["process"] {
            values = ConfigurationValues(section, path: "process")
            prefix = "\(file): \(values.name(option)): "
        }
        let value = values.read(option)
        guard values.problems.isEmpty else { throw EnvironmentError(problems: values.problems.map { prefix + $0 }) }
        return value
    }

    /// A file as it stands there. What it names and is not there does not matter.
    private static func document(
        _ file: String, _ environment: [String: String], _ dotEnv: String?
    ) throws -> YAMLValue {
        let set = DotEnv.contents(of: dotEnv ?? "") { _ in false }.values
            .merging(environment.filter { !$0.value.isEmpty }) { $1 }
        return try ConfigurationFile.read(file, placeholder: "") { set[$0].flatMap { $0.isEmpty ? nil : $0 } }.document
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
