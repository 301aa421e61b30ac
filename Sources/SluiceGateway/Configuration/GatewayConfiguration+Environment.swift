import SluiceHTTP

extension GatewayConfiguration {
    /// Reads the environment, and for what it does not set the text of a `.env` file.
    ///
    /// A variable that is set to nothing counts as not set. No file is read: `sluice` gives it `DotEnv.text(ofFile: ".env")`.
    /// - Throws: ``EnvironmentError`` with all that is wrong.
    public init(environment: [String: String], dotEnv: String? = nil) throws(EnvironmentError) {
        self.init()
        let names = Set(Self.variables.map { Substring($0.name) })
        let file = DotEnv.contents(of: dotEnv ?? "") { names.contains($0) }
        // An empty variable in the environment does not hide the file's.
        let set = environment.filter { !$0.value.isEmpty }
        var values = ConfigurationValues(file.values.merging(set) { _, environment in environment })
        values.add(file.problems)

        for setting in Self.processSettings + Self.retentionSettings + Self.journalSettings {
            setting.read(&values, &self)
        }
        kafka = KafkaOptions.read(&values)
        sources = Registry.sources.compactMap { $0.read(&values) }
        sinks = Registry.sinks.compactMap { $0.read(&values) }
        for setting in Self.sinkSettings + Self.logSettings + Self.tracingSettings { setting.read(&values, &self) }
        sinkProxy = .environment(values.all)
        written.environment = Self.environmentTexts(values.all)
        simulator = Simulator.read(&values)
        if !bindAddress.isLoopback, !allowsUnsigned {
            for variable in sources.flatMap(\.options.unsigned) where !values.isSet(variable) {
                values.add(
                    "\(variable.name): expected a value, because BIND_ADDR listens beyond loopback "
                        + "(or set SLUICE_ALLOW_UNSIGNED=true)")
            }
        }
        if bindAddress.collides(with: metricsBindAddress) {
            values.add("METRICS_BIND_ADDR: expected another address and port than BIND_ADDR")
        }
        guard values.problems.isEmpty else {
            // What was skipped may be why something else is missing.
            throw EnvironmentError(problems: file.skipped.map(\.problem) + values.problems)
        }
        warnings =
            ConfigurationTypos.warnings(environment: environment.keys, file: file.values.keys) + values.warnings
            + values.quoteWarnings + [file.warning].compactMap(\.self)
    }
}

extension GatewayConfiguration {
    /// Of all that is set, what options have.
    static func environmentTexts(_ set: [String: String]) -> [String: Secret] {
        let names = Set(variables.map(\.name))
        return set.filter { names.contains($0.key) && !$0.value.isEmpty }.mapValues { Secret($0) }
    }
}

/// The configuration is wrong. The program ends with ``exitStatus``.
public struct EnvironmentError: Error, Hashable, CustomStringConvertible {
    /// EX_CONFIG of sysexits.h.
    public static let exitStatus: Int32 = 78

    /// One line each, with the variable's name and what is expected; never a value.
    public let problems: [String]

    public var description: String { problems.joined(separator: "\n") }
}
