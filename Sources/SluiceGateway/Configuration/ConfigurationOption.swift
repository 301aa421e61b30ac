public import Sluice

/// One thing that can be set: how its text is read, and its description. The environment and a file are two places
/// that such a text can stand in.
public struct ConfigurationOption<Value: Sendable>: Sendable {
    /// Its description.
    public let variable: ConfigurationVariable
    /// How its text is read.
    public let format: OptionFormat<Value>

    /// - Parameters:
    ///   - field: its name in a file, within what it belongs to: `token`.
    ///   - variable: the variable of the environment that sets it.
    ///   - standard: the text that means the same as none; nil where none means that the part is off.
    ///   - effect: what a change asks for.
    ///   - isSecret: whether its value must never be shown.
    ///   - example: a line of `.env-example`; nil for what is seldom set.
    init(
        _ field: String, _ variable: String, _ format: OptionFormat<Value>, default standard: String? = nil,
        effect: ConfigurationEffect = .restart, isSecret: Bool = false, example: ConfigurationExample? = nil,
        _ meaning: String
    ) {
        self.format = format
        self.variable = ConfigurationVariable(
            variable, field: field, standard, unit: format.unit, range: format.range, expectation: format.expectation,
            inFile: format.expectationInFile, effect: effect, isSecret: isSecret, example: example, meaning)
    }

    /// - Parameters:
    ///   - text: as it was written.
    ///   - name: how the option is called where the text stands: the variable, or the path of the field.
    /// - Throws: `ConfigurationError`, which names the option and what is expected, and shows nothing of the text.
    public func value(of text: String, called name: String) throws(ConfigurationError) -> Value {
        do {
            return try format.value(of: text)
        } catch {
            let hint = ConfigurationValues.isQuoted(text) ? ", without the quotes around it" : ""
            throw ConfigurationError(name, expected: error.expected + hint)
        }
    }

    /// What holds when nothing is set; nil when the part is off then.
    public var defaultValue: Value? {
        variable.defaultValue.flatMap { try? value(of: $0, called: variable.name) }
    }
}

/// What the change of an option asks for.
public struct ConfigurationEffect: Sendable, Hashable, CustomStringConvertible {
    public let description: String

    /// It is in force at once.
    public static let live = ConfigurationEffect(description: "live")
    /// The route that it belongs to is drained and started anew.
    public static let route = ConfigurationEffect(description: "route")
    /// The process has to be started anew.
    public static let restart = ConfigurationEffect(description: "restart")
}

/// A line of `.env-example`.
public struct ConfigurationExample: Sendable, Hashable {
    let value: String
    let isSet: Bool

    /// Commented out, to be filled in where it is wanted.
    static func hint(_ value: String) -> Self { Self(value: value, isSet: false) }
    /// Set, with what is usual or with nothing.
    static func set(_ value: String) -> Self { Self(value: value, isSet: true) }
}
