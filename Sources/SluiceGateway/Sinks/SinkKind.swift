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
    /// Where it begins when it is new and nothing else is said: keepers of facts with the beginning.
    let start: ReaderStart
    /// What its answers mean.
    let answers: SinkAnswers
    let options: [ConfigurationVariable]
    /// The keys that it has in a file besides those that every sink has.
    let keyRows: [KeyRow]
    let keys: [YAMLKey<SinkSection>]
    /// What a scenario has to know of it; nil where scenarios cannot have it.
    let scenario: ScenarioSinkKind?
    /// The sink that the environment makes; nil where there is none.
    let read: @Sendable (inout ConfigurationValues) -> ConfiguredSink?
    /// The values that are in force of what only this kind has.
    let values: @Sendable (ConfiguredSink, _ path: [String], OptionTexts) -> [EffectiveValue]
    /// What a section of a file says of it; nil where a fault says why there is nothing.
    let readSection: @Sendable (YAMLValue, _ path: String, inout FileSections, inout YAMLFaults) -> (any SinkOptions)?
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
        self.start = .now
        self.scenario = scenario
        self.read = { values in
            let options = read(&values)
            let start = values.read(start) ?? .now
            return options.map { ConfiguredSink(name, $0, start: start) }
        }
        isKind = { $0 is Options }
        keyRows = KeyRow.options(settings)
        keys = settings.map(\.field).map { field in
            // As a whole they are read by `readSection`.
            YAMLKey(field, expected: "", "", read: { _, _, _ in })
        }
        values = { _, path, texts in
            settings.compactMap { variable in
                let path = path + variable.field.split(separator: ".").map(String.init)
                return texts.find(variable, path, ofProcess: false).map { found in
                    EffectiveValue(
                        path: path, text: found.text, origin: found.origin, effect: .route,
                        secret: found.secret, isFlow: found.isFlow)
                }
            }
        }
        readSection = { section, path, file, faults in
            let count = faults.all.count
            var values = ConfigurationValues(section, path: path)
            let options = read(&values)
            file.take(values, &faults)
            if options == nil, faults.all.count == count, let needed = settings.first?.field, section[needed] == nil {
                faults.add("the key \(needed) is missing", at: section.place)
            }
            return options
        }
    }
}

extension SinkKind {
    /// A kind that only a file can have: its keys say what there is of it.
    /// - Parameters:
    ///   - options: those of a sink of which nothing is said.
    ///   - keys: read into these.
    ///   - start: where it begins when it is new and nothing else is said.
    init<Options: SinkOptions>(
        _ name: String, title: String, summary: String, authentication: String, answers: SinkAnswers,
        options: Options, keys mapping: YAMLMapping<Options>, start: ReaderStart = .now,
        scenario: ScenarioSinkKind? = nil
    ) {
        self.start = start
        self.name = name
        self.title = title
        self.summary = summary
        self.authentication = authentication
        self.answers = answers
        self.options = []
        self.scenario = scenario
        read = { _ in nil }
        isKind = { $0 is Options }
        keyRows = mapping.rows(options)
        keys = mapping.keys.map { key in
            // As a whole they are read by `readSection`.
            YAMLKey(key.name, expected: "", "", read: { _, _, _ in })
        }
        values = { sink, path, texts in
            guard let options = sink.options as? Options else { return [] }
            return KeyRow.inForce(mapping.rows(options)).compactMap { texts.value(of: $0, path) }
        }
        readSection = { section, _, _, faults in
            let count = faults.all.count
            var options = options
            mapping.read(section.only(mapping.keys.map(\.name)), into: &options, &faults)
            return faults.all.count == count ? options : nil
        }
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
