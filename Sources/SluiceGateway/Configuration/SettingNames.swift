/// How settings are called where they were written: variables of the environment, or keys of a file.
struct SettingNames: Sendable {
    private let document: YAMLValue?
    private let path: String
    private let variables: Set<String>

    init(_ written: WrittenConfiguration) {
        document = written.document
        path = written.origin?.path ?? ""
        variables = Set(written.environment.keys)
    }

    /// `KAFKA_TLS`, or `queue.tls in sluice.yaml`.
    /// - Parameter section: the keys that lead to what it belongs to in a file.
    func name(_ variable: ConfigurationVariable, in section: String...) -> String {
        guard let document, !(section == ["process"] && variables.contains(variable.name)) else { return variable.name }
        return "\(key(variable, section)) in \(file(of: section, document))"
    }

    /// `KAFKA_TLS=true`, or `queue.tls: true in sluice.yaml`.
    func setting(_ variable: ConfigurationVariable, to value: String, in section: String...) -> String {
        guard let document else { return "\(variable.name)=\(value)" }
        return "\(key(variable, section)): \(value) in \(file(of: section, document))"
    }

    private func key(_ variable: ConfigurationVariable, _ section: [String]) -> String {
        (section + [variable.field]).joined(separator: ".")
    }

    /// The name of the file that has the section, or would have it. A line is none of it: it is told long after it was read.
    private func file(of section: [String], _ document: YAMLValue) -> String {
        let place = document.value(at: section)?.place ?? document.place
        return ((place.file ?? path).split(separator: "/").last.map(String.init) ?? "").replacingUnsafeCharacters()
    }
}

extension GatewayConfiguration {
    /// How its settings are called where they were written.
    var names: SettingNames { SettingNames(written) }
}
