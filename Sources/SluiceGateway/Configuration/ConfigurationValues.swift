/// Reads the environment's variables as what they should be, and collects what is wrong with them.
struct ConfigurationValues {
    private let values: [String: String]
    var problems: [String] = []
    var warnings: [String] = []

    init(_ values: [String: String]) {
        self.values = values
    }

    /// Everything that is set, also what is not Sluice's.
    var all: [String: String] { values }

    func isSet(_ variable: ConfigurationVariable) -> Bool {
        text(variable) != nil
    }

    func isSet<Value>(_ option: ConfigurationOption<Value>) -> Bool {
        isSet(option.variable)
    }

    /// The value; nil where there is none, and where a problem says what was expected.
    mutating func read<Value>(_ option: ConfigurationOption<Value>) -> Value? {
        guard let text = text(option.variable) else { return nil }
        if let caution = option.format.caution(text) { warnings.append("\(name(option)) \(caution)") }
        do {
            return try option.value(of: text, called: name(option))
        } catch {
            problems.append("\(error)")
            return nil
        }
    }

    /// How the option is called where it is set.
    func name<Value>(_ option: ConfigurationOption<Value>) -> String { option.variable.name }

    /// Says what is wrong with an option beside its text.
    mutating func refuse<Value>(_ option: ConfigurationOption<Value>, expected: String) {
        problems.append("\(name(option)): expected \(expected)")
    }

    /// `docker --env-file` and systemd's `Environment=` leave quotes where shells take them away.
    var quoteWarnings: [String] {
        GatewayConfiguration.variables.filter { text($0).map(Self.isQuoted) ?? false }.map {
            "\($0.name) begins and ends with a quote, which counts as part of it (docker --env-file leaves quotes there)"
        }
    }

    static func isQuoted(_ text: String) -> Bool {
        guard text.utf8.count >= 2, let first = text.first, first == "\"" || first == "'" else { return false }
        return text.last == first
    }

    private func text(_ variable: ConfigurationVariable) -> String? {
        guard let text = values[variable.name], !text.isEmpty else { return nil }
        return text
    }
}
