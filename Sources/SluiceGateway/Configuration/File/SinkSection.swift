import Sluice

/// What a file says of a sink, whatever its kind.
struct SinkSection: Sendable {
    let name: String
    var destination: Placed<String>?
    var group: Placed<String>?
    var start: ReaderStart = .now
    var only: EventFilter?
    var policy: SinkPolicy

    init(name: String, policy: SinkPolicy) {
        self.name = name
        self.policy = policy
    }

    /// The keys that every kind has.
    static let common = YAMLMapping<SinkSection>(keys)

    /// The kinds that begin with the beginning.
    private static var startingEarly: String {
        Registry.sinks.filter { $0.start == .beginning }.map { "`\($0.name)`" }.joined(last: "and")
    }

    private static let keys: [YAMLKey<SinkSection>] =
        [
            .kind,
            YAMLKey(
                "destination", optional: \.destination, .placedName,
                "What it delivers to, by name; two sinks may share one. Default: its own name"),
            YAMLKey(
                "group", optional: \.group, .placedName,
                "Its consumer group on the queue, which knows how far it is: keep it when a sink is renamed. Default: `log-to-NAME`"
            ),
            YAMLKey(
                "start", \.start, .start,
                "Where it begins when its group is new; of \(startingEarly) the default is `beginning`"),
            .only(\.only),
        ] + SinkPolicy.keys.map { $0.about(\.policy) }

    /// - Returns: nil where it cannot be made; a fault says why.
    static func read(
        _ name: String, _ value: YAMLValue, _ file: inout FileSections, _ faults: inout YAMLFaults
    ) -> ConfiguredSink? {
        guard let kind = SectionKeys.kind(of: value, Registry.sinks, named: \.name, &faults) else { return nil }
        var section = SinkSection(name: name, policy: file.configuration.policies.sink)
        section.start = kind.start
        YAMLMapping(keys + kind.keys).read(value, into: &section, &faults)
        SinkPolicy.check(value, &faults)
        for name in [section.destination, section.group].compactMap(\.self) where !SinkName.isValid(name.value) {
            faults.add("expected a name of \(SinkName.expectation)", at: name.place)
        }
        guard let options = kind.readSection(value, "sinks.\(name)", &file, &faults) else { return nil }
        var sink = ConfiguredSink(name, options, start: section.start)
        sink.policy = section.policy
        if let ordering = section.policy.ordering { sink.ordering = ordering }
        if let group = section.group { sink.group = group.value }
        if let destination = section.destination { sink.destination = destination.value }
        sink.only = section.only
        return sink
    }
}

extension YAMLKey<SinkSection> {
    fileprivate static var kind: Self {
        Self(
            "kind", expected: Registry.sinks.map(\.name).joined(last: "or"), words: Registry.sinks.map(\.name),
            "What it delivers to",
            // Its kind decides which keys there are, and has been read for that.
            read: { _, _, _ in })
    }
}

extension YAMLFormat where Value == ReaderStart {
    fileprivate static var start: Self {
        let format = OptionFormat<ReaderStart>.start
        return Self(text: format.expectation, write: { $0.description }) { try? format.value(of: $0) }
    }
}
