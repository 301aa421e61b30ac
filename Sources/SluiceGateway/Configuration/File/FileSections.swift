import Sluice

/// What a configuration is made of while its file is read, section by section.
struct FileSections: Sendable {
    var configuration: GatewayConfiguration
    /// What is allowed and probably not meant, a line each.
    var warnings: [String] = []

    init(_ configuration: GatewayConfiguration) {
        self.configuration = configuration
        self.configuration.sources = []
        self.configuration.sinks = []
    }

    /// Policies come first: what follows is read by them.
    static let keys = YAMLMapping<FileSections>([
        .process, .queue, .journal, .defaults, .destinations, .sources, .sinks, .simulator,
    ])
}

extension YAMLKey<FileSections> {
    fileprivate static var process: Self {
        settings(
            "process", GatewayConfiguration.ofProcess,
            "The process itself: what the environment says of these counts more")
    }

    fileprivate static var queue: Self {
        let retention = GatewayConfiguration.retentionSettings.map(\.variable)
        return Self(
            "queue", expected: "a mapping", "Where events are kept until they are delivered. Default: the embedded log",
            parts: { _ in KeyRow.options(KafkaOptions.all + retention) + [QueueKind.row] },
            read: { value, file, faults in
                guard case .mapping = value.content else {
                    return faults.expect("a mapping such as {kind: log}", at: value)
                }
                guard let kind = QueueKind.read(value, &faults) else { return }
                let options = kind == .kafka ? KafkaOptions.all + retention : retention
                SectionKeys.check(value, ["kind"] + options.map(\.field), &faults)
                var values = ConfigurationValues(value, path: "queue")
                for setting in GatewayConfiguration.retentionSettings { setting.read(&values, &file.configuration) }
                if kind == .kafka {
                    file.configuration.kafka = KafkaOptions.read(&values)
                    if value["brokers"] == nil {
                        faults.add("the key brokers is missing: such as [\"localhost:9092\"]", at: value.place)
                    }
                }
                file.take(values, &faults)
            })
    }

    fileprivate static var journal: Self {
        settings(
            "journal", GatewayConfiguration.journalSettings, "What is kept of each attempt, and for how long")
    }

    fileprivate static var defaults: Self {
        Self(
            "defaults", expected: "a mapping", "What every sink and destination goes by that says nothing else",
            parts: { PolicyDefaults.keys.rows($0.configuration.policies) },
            read: { value, file, faults in
                PolicyDefaults.keys.read(value, into: &file.configuration.policies, &faults)
                SinkPolicy.check(value, &faults)
            })
    }

    fileprivate static var destinations: Self {
        Self(
            "destinations", expected: "a mapping of names",
            "How each outside system is treated, by its name; sinks deliver to it by `destination`",
            parts: { file in
                YAMLMapping(DestinationPolicy.keys).rows(file.configuration.policies.destination)
                    .map { $0.within("NAME") }
            },
            read: { value, file, faults in
                let standard = file.configuration.policies.destination
                let named = YAMLNamed<DestinationPolicy>.read(value, &faults) { _, value, faults in
                    var policy = standard
                    YAMLMapping(DestinationPolicy.keys).read(value, into: &policy, &faults)
                    return policy
                }
                for entry in named { file.configuration.destinations[entry.name] = entry.value }
            })
    }

    fileprivate static var sources: Self {
        Self(
            "sources", expected: "a mapping of names",
            "What takes events in, by name; requests come to `/webhooks/NAME`. Default: nothing",
            parts: { _ in
                [
                    KeyRow(
                        path: ["NAME", "kind"], expected: Registry.sources.map(\.name).joined(last: "or"),
                        standard: nil, meaning: "What it takes in", words: Registry.sources.map(\.name))
                ]
                    + Registry.sources.flatMap { kind in KeyRow.options(kind.options).map { $0.within("NAME") } }
            },
            read: { value, file, faults in
                file.configuration.sources = YAMLNamed<ConfiguredSource>.read(value, &faults) { name, value, faults in
                    guard let kind = SectionKeys.kind(of: value, Registry.sources, named: \.name, &faults) else {
                        return nil
                    }
                    SectionKeys.check(value, ["kind"] + kind.options.map(\.field), &faults)
                    var values = ConfigurationValues(value, path: "sources.\(name)")
                    let options = kind.readOptions(&values)
                    file.take(values, &faults)
                    return options.map { ConfiguredSource(name, $0) }
                }.map(\.value)
            })
    }

    fileprivate static var sinks: Self {
        Self(
            "sinks", expected: "a mapping of names",
            "What events are delivered to, by name. Default: events go to the console",
            parts: { file in
                SinkSection.common.rows(SinkSection(name: "NAME", policy: file.configuration.policies.sink))
                    .map { $0.within("NAME") }
                    + Registry.sinks.flatMap { kind in kind.keyRows.map { $0.within("NAME") } }
            },
            read: { value, file, faults in
                file.configuration.sinks = YAMLNamed<ConfiguredSink>.read(value, &faults) { name, value, faults in
                    SinkSection.read(name, value, &file, &faults)
                }.map(\.value)
            })
    }

    fileprivate static var simulator: Self {
        Self(
            "simulator", expected: "a mapping", "Simulated deployments, for show. Default: none",
            parts: { _ in KeyRow.options(GatewayConfiguration.Simulator.options) },
            read: { value, file, faults in
                SectionKeys.check(value, GatewayConfiguration.Simulator.options.map(\.field), &faults)
                var values = ConfigurationValues(value, path: "simulator")
                file.configuration.simulator = GatewayConfiguration.Simulator.read(&values)
                file.take(values, &faults)
            })
    }

    private static func settings(_ name: String, _ settings: [ConfigurationSetting], _ meaning: String) -> Self {
        Self(
            name, expected: "a mapping", meaning, parts: { _ in KeyRow.options(settings.map(\.variable)) },
            read: { value, file, faults in
                SectionKeys.check(value, settings.map(\.variable.field), &faults)
                var values = ConfigurationValues(value, path: name)
                for setting in settings { setting.read(&values, &file.configuration) }
                file.take(values, &faults)
            })
    }
}

extension FileSections {
    mutating func take(_ values: ConfigurationValues, _ faults: inout YAMLFaults) {
        values.report(to: &faults)
        warnings += values.warnings
    }
}

/// What keeps the events.
enum QueueKind: String, CaseIterable {
    case log, kafka

    static let row = KeyRow(
        path: ["kind"], expected: "log or kafka", standard: "log", meaning: "The embedded log, or Kafka",
        words: allCases.map(\.rawValue))

    static func read(_ section: YAMLValue, _ faults: inout YAMLFaults) -> QueueKind? {
        guard let value = section["kind"] else { return .log }
        if let kind = value.text.flatMap(QueueKind.init(rawValue:)) { return kind }
        faults.expect("log or kafka", at: value)
        return nil
    }
}
