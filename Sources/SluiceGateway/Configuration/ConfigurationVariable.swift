/// The description of an option: the table of docs/ENVIRONMENT.md, `--help` and `.env-example` are made of it.
public struct ConfigurationVariable: Sendable, Hashable {
    /// The variable of the environment that sets it.
    public let name: String
    /// Its name in a file, within what it belongs to.
    public let field: String
    /// What an unset or empty variable means; nil when it means that the part is off.
    public let defaultValue: String?
    /// What a number counts, or nil.
    public let unit: String?
    /// The values that it may have, where they have bounds or are a few words; nil otherwise.
    public let range: String?
    /// What its text has to be, as an error says it behind `expected`.
    public let expectation: String
    /// The same of its text in a file.
    let expectationInFile: String
    /// What a change asks for.
    public let effect: ConfigurationEffect
    /// Whether its value must never be shown.
    public let isSecret: Bool
    /// Its line in `.env-example`; nil where it has none.
    public let example: ConfigurationExample?
    /// One sentence in Markdown, without the point at its end.
    public let meaning: String

    init(
        _ name: String, field: String, _ defaultValue: String?, unit: String?, range: String?,
        expectation: String, inFile expectationInFile: String, effect: ConfigurationEffect, isSecret: Bool,
        example: ConfigurationExample?,
        _ meaning: String
    ) {
        self.name = name
        self.field = field
        self.defaultValue = defaultValue
        self.unit = unit
        self.range = range
        self.expectation = expectation
        self.expectationInFile = expectationInFile
        self.effect = effect
        self.isSecret = isSecret
        self.example = example
        self.meaning = meaning
    }
}

extension ConfigurationVariable {
    /// A text of its as a file has it: `75` of seconds is `75s` there.
    func inFile(_ text: String) -> String {
        guard NumberText.parse(text[...]) != nil else { return text }
        return switch unit {
        case "seconds": "\(text)s"
        case "days": "\(text)d"
        default: text
        }
    }
}

extension GatewayConfiguration {
    /// All variables, in the order in which they are shown.
    public static let variables: [ConfigurationVariable] = OptionSection.all.flatMap(\.variables)
}
