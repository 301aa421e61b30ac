/// Variables of the environment that are set while a file says what they would have said.
///
/// One that no longer counts is a warning. A secret, a token or a broker for which the file has nothing is a fault: the file was
/// probably meant to have it, and without it the gateway would be open, or deliver to nothing.
struct OverruledVariables {
    private struct Part {
        let variables: [ConfigurationVariable]
        /// The sections of the file that may have their fields.
        let sections: [YAMLValue]
        /// How such a section is called.
        let title: String
    }

    private let set: [String: String]
    private let used: Set<String>
    private let parts: [Part]
    private let start: YAMLValue.Place
    private(set) var warnings: [String] = []

    init(_ set: [String: String], _ file: ConfigurationFile) {
        self.set = set
        used = file.variables
        start = file.document.place
        func sections(_ name: String, ofKind kind: String) -> [YAMLValue] {
            (file.document[name]?.entries ?? []).map(\.value).filter { $0["kind"]?.text == kind }
        }
        parts =
            Registry.sources.map { kind in
                Part(
                    variables: kind.options, sections: sections("sources", ofKind: kind.name),
                    title: "a source of kind \(kind.name)")
            }
            + Registry.sinks.map { kind in
                Part(
                    variables: kind.options, sections: sections("sinks", ofKind: kind.name),
                    title: "a sink of kind \(kind.name)")
            }
            + [
                Part(
                    variables: KafkaOptions.all + GatewayConfiguration.retentionSettings.map(\.variable),
                    sections: [file.document["queue"]].compactMap(\.self), title: "queue"),
                Part(
                    variables: GatewayConfiguration.journalSettings.map(\.variable),
                    sections: [file.document["journal"]].compactMap(\.self), title: "journal"),
                Part(
                    variables: GatewayConfiguration.Simulator.options,
                    sections: [file.document["simulator"]].compactMap(\.self), title: "simulator"),
            ]
    }

    mutating func look(_ faults: inout YAMLFaults) {
        for part in parts {
            for variable in part.variables where set[variable.name].map({ !$0.isEmpty }) ?? false {
                guard !used.contains(variable.name) else { continue }
                let path = variable.field.split(separator: ".").map(String.init)
                let isInFile = part.sections.contains { section in path.reduce(section as YAMLValue?) { $0?[$1] } != nil
                }
                if !isInFile, variable.isSecret || variable.name == KafkaOptions.brokers.variable.name {
                    faults.add(
                        "\(variable.name) is set, and \(part.title) in this file has no \(variable.field): write "
                            + "\(variable.field): ${\(variable.name)} there, or unset it", at: start)
                } else {
                    warnings.append("\(variable.name) is set and no longer counts: with a file, \(part.title) says it")
                }
            }
        }
    }
}
