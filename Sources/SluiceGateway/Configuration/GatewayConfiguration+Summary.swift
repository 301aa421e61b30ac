/// What is told of a configuration as a whole.
extension GatewayConfiguration {
    /// Each value that is in force, as a file would have it, with its origin beside it. Secrets are masked, unless the file or the
    /// environment has them elsewhere: then it is told where.
    public var effectiveText: String {
        "# The effective configuration of \(title), each value's origin beside it.\n"
            + EffectiveDocument(EffectiveConfiguration(self), isWithoutSinks: sinks.isEmpty).text
    }

    /// Where it was read from: the file's path, or `the environment`.
    public var title: String { written.description }

    /// What there is, in one line.
    public var summary: String {
        func words(_ names: [String], _ none: String) -> String { names.isEmpty ? none : names.joined(separator: ", ") }
        let queue = kafka == nil ? "the embedded log" : "Kafka"
        return "sources \(words(sources.map(\.name), "none")); queue \(queue); "
            + "sinks \(words(deliveredTo.map(\.name), "none"))"
    }

    /// What is allowed and probably not meant, a line each: of the configuration, and of what it would do.
    public var allWarnings: [String] {
        let nothing = sources.isEmpty ? ["there are no sources: nothing is taken in"] : []
        return warnings + cautions + nothing
    }

    /// The file that `SLUICE_CONFIG` names; nil where it is not set.
    public static func configurationFile(environment: [String: String], dotEnv: String? = nil) -> String? {
        let name = ProcessOptions.configuration.variable.name
        let dotEnv = DotEnv.contents(of: dotEnv ?? "") { $0 == name }.values
        return [environment[name], dotEnv[name]].compactMap(\.self).first { !$0.isEmpty }
    }
}
