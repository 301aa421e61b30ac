import Sluice

/// A kind of sink, as the registry knows it.
struct SinkKind: Sendable {
    /// Its word in a file, and the name of the one sink that the environment makes of it.
    let name: String
    /// What people call it.
    let title: String
    /// What becomes of an event there, as one sentence in Markdown without the point at its end.
    let summary: String
    /// How it proves who it is, the same way.
    let authentication: String
    /// What its answers mean.
    let answers: SinkAnswers
    let options: [ConfigurationVariable]
    /// What a scenario has to know of it; nil where scenarios cannot have it.
    let scenario: ScenarioSinkKind?
    /// The sink that is set; nil where there is none.
    let read: @Sendable (inout ConfigurationValues) -> ConfiguredSink?
    /// Whether a sink is of this kind.
    let isKind: @Sendable (any SinkOptions) -> Bool

    /// - Parameters:
    ///   - settings: the options of the kind, without the start.
    ///   - start: the option that says where it begins, which every kind has.
    ///   - scenario: what a scenario has to know of it.
    ///   - read: the options that are set; nil where there is no such sink.
    init<Options: SinkOptions>(
        _ name: String, title: String, summary: String, authentication: String, answers: SinkAnswers,
        settings: [ConfigurationVariable], start: ConfigurationOption<ReaderStart>, scenario: ScenarioSinkKind? = nil,
        read: @escaping @Sendable (inout ConfigurationValues) -> Options?
    ) {
        self.name = name
        self.title = title
        self.summary = summary
        self.authentication = authentication
        self.answers = answers
        options = settings + [start.variable]
        self.scenario = scenario
        self.read = { values in
            let options = read(&values)
            let start = values.read(start) ?? .now
            return options.map { ConfiguredSink(name, $0, start: start) }
        }
        isKind = { $0 is Options }
    }
}

/// What the answers of a sink mean, as the documentation tells it: pieces of Markdown.
struct SinkAnswers: Sendable {
    let success: String
    let retry: String
    let poison: String
    let hold: String
}

extension ConfigurationOption where Value == ReaderStart {
    /// Where a sink begins when it is new.
    static func start(_ variable: String, example: ConfigurationExample? = .hint("now"), _ meaning: String) -> Self {
        Self("start", variable, .start, default: "now", effect: .route, example: example, meaning)
    }
}
