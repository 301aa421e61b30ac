extension Scenario {
    /// Takes sinks, destinations and policies from the configuration file.
    ///
    /// What is secret or an address counts for nothing here, and need not be set.
    mutating func readConfiguration(_ faults: inout YAMLFaults) {
        guard let configuration else { return }
        let path = configuration.value.hasPrefix("/") ? configuration.value : directory + configuration.value
        var found = YAMLFaults()
        do {
            let file = try ConfigurationFile.read(path, placeholder: "placeholder") { _ in nil }
            let root = file.document
            YAMLMapping<Scenario>(Self.sections).read(
                root.only(["defaults", "destinations", "sinks"]), into: &self, &found)
        } catch {
            found = YAMLFaults()
            for fault in error.faults { found.add(fault.text, at: .init(line: fault.line, column: fault.column)) }
        }
        for fault in found.all.prefix(5) {
            faults.add("\(configuration.value):\(fault)", at: configuration.place)
        }
    }

    /// The sections of a configuration file that a scenario goes by.
    private static let sections: [YAMLKey<Scenario>] = [
        .configuredDefaults, .configuredDestinations, .configuredSinks,
    ]
}

extension YAMLKey<Scenario> {
    fileprivate static var configuredDefaults: Self {
        Self(
            "defaults", expected: "a mapping", "",
            read: { value, scenario, faults in
                PolicyDefaults.keys.read(value, into: &scenario.defaults, &faults)
            })
    }

    fileprivate static var configuredDestinations: Self {
        Self(
            "destinations", expected: "a mapping of names", "",
            read: { value, scenario, faults in
                scenario.destinations = YAMLNamed.read(value, &faults) { _, value, faults in
                    var policy = scenario.defaults.destination
                    YAMLMapping(DestinationPolicy.keys).read(value, into: &policy, &faults)
                    return policy
                }
            })
    }

    /// Of each sink what shapes deliveries: kind, destination, filter, policies.
    fileprivate static var configuredSinks: Self {
        Self(
            "sinks", expected: "a mapping of names", "",
            read: { value, scenario, faults in
                scenario.sinks = YAMLNamed.read(value, &faults) { name, value, faults in
                    guard let kind = SectionKeys.kind(of: value, Registry.sinks, named: \.name, &faults) else {
                        return nil
                    }
                    var section = SinkSection(name: name, policy: scenario.defaults.sink)
                    SinkSection.common.read(value.only(SinkSection.common.keys.map(\.name)), into: &section, &faults)
                    guard let scripted = kind.scenario else {
                        faults.add("a sink of kind \(kind.name) cannot be tried in a scenario", at: value.place)
                        return nil
                    }
                    var sink = Scenario.Sink(
                        kind: scripted, destination: section.destination, policy: section.policy, only: section.only)
                    if scripted.mayDigest, let digest = value["digest"] {
                        sink.digests = YAMLFormat<Bool>.flag.read(digest, &faults) ?? false
                    }
                    return sink
                }
            })
    }
}
