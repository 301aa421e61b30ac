import Sluice

/// Reads options out of the place where their texts stand, the environment or a section of a file, and collects what is wrong
/// with them.
struct ConfigurationValues {
    /// Where texts stand.
    private enum Store {
        case environment([String: String])
        case section(YAMLValue, path: String)
    }

    private struct Problem {
        let text: String
        var place: YAMLValue.Place?
    }

    private let store: Store
    private var found: [Problem] = []
    private(set) var warnings: [String] = []

    /// Variables of the environment.
    init(_ values: [String: String]) {
        store = .environment(values)
    }

    /// A section of a file.
    /// - Parameter path: of keys, that leads to it.
    init(_ section: YAMLValue, path: String) {
        store = .section(section, path: path)
    }

    /// Everything that is set in the environment, also what is not Sluice's.
    var all: [String: String] {
        if case .environment(let values) = store { values } else { [:] }
    }

    /// Whether they are a section of a file.
    var isOfFile: Bool {
        if case .section = store { true } else { false }
    }

    /// What is wrong, a line each.
    var problems: [String] { found.map(\.text) }

    /// What is wrong with the section, at its places.
    func report(to faults: inout YAMLFaults) {
        guard case .section(let section, let path) = store else { return }
        for problem in found {
            if problem.place == nil, let (value, text) = Self.named(problem.text, path, section) {
                faults.add(text, at: value.place)
            } else {
                faults.add(problem.text, at: problem.place ?? section.place)
            }
        }
    }

    /// The value that a problem such as `queue.brokers: expected host:port` names, and what it says of it.
    private static func named(_ problem: String, _ path: String, _ section: YAMLValue) -> (YAMLValue, String)? {
        guard problem.hasPrefix("\(path)."), let end = problem.firstRange(of: ": ") else { return nil }
        let field = problem[..<end.lowerBound].dropFirst(path.count + 1)
        let value = field.split(separator: ".").reduce(section as YAMLValue?) { $0?[String($1)] }
        return value.map { ($0, String(problem[end.upperBound...])) }
    }

    func isSet(_ variable: ConfigurationVariable) -> Bool {
        switch store {
        case .environment(let values): values[variable.name].map { !$0.isEmpty } ?? false
        case .section: value(variable) != nil
        }
    }

    func isSet<Value>(_ option: ConfigurationOption<Value>) -> Bool {
        isSet(option.variable)
    }

    /// The value; nil where there is none, and where a problem says what was expected.
    mutating func read<Value>(_ option: ConfigurationOption<Value>) -> Value? {
        guard let text = text(option) else { return nil }
        if let caution = option.format.caution(text) { warn("\(name(option)) \(caution)") }
        do {
            return try option.value(of: text, called: name(option))
        } catch {
            switch store {
            case .environment: add("\(error)")
            case .section:
                refuse(option, expected: option.format.isDuration ? option.format.expectationInFile : error.expected)
            }
            return nil
        }
    }

    /// How the option is called where it is set: the variable, or the path of its key.
    func name<Value>(_ option: ConfigurationOption<Value>) -> String { name(option.variable) }

    func name(_ variable: ConfigurationVariable) -> String {
        switch store {
        case .environment: variable.name
        case .section(_, let path): "\(path).\(variable.field)"
        }
    }

    /// The option with a value, as it is written where it is set: `KAFKA_TLS=true`, `queue.tls: true`.
    func setting<Value>(_ option: ConfigurationOption<Value>, to value: String) -> String {
        switch store {
        case .environment: "\(name(option))=\(value)"
        case .section: "\(name(option)): \(value)"
        }
    }

    // MARK: What is wrong

    /// Says what is wrong with an option beside its text.
    mutating func refuse<Value>(_ option: ConfigurationOption<Value>, expected: String) {
        switch store {
        case .environment: add("\(name(option)): expected \(expected)")
        case .section(let section, _):
            found.append(
                Problem(text: "expected \(expected)", place: (value(option.variable) ?? section).place))
        }
    }

    mutating func add(_ problem: String) { found.append(Problem(text: problem)) }

    mutating func add(_ problems: [String]) { found += problems.map { Problem(text: $0) } }

    mutating func warn(_ text: String) { warnings.append(text) }

    /// `docker --env-file` and systemd's `Environment=` leave quotes where shells take them away.
    var quoteWarnings: [String] {
        guard case .environment(let values) = store else { return [] }
        return GatewayConfiguration.variables.filter { values[$0.name].map(Self.isQuoted) ?? false }.map {
            "\($0.name) begins and ends with a quote, which counts as part of it (docker --env-file leaves quotes there)"
        }
    }

    static func isQuoted(_ text: String) -> Bool {
        guard text.utf8.count >= 2, let first = text.first, first == "\"" || first == "'" else { return false }
        return text.last == first
    }

    // MARK: Texts

    /// Nil where there is none.
    private mutating func text<Value>(_ option: ConfigurationOption<Value>) -> String? {
        let value: YAMLValue
        switch store {
        case .environment(let values): return values[option.variable.name].flatMap { $0.isEmpty ? nil : $0 }
        case .section:
            guard let found = self.value(option.variable) else { return nil }
            value = found
        }
        switch (value.content, option.format.shape) {
        case (.unknown, _): return nil
        case (.text(let text), _) where !text.isEmpty:
            // `75` says nothing of what it counts.
            guard !option.format.isDuration || DurationText.parse(text) != nil else { break }
            return text
        case (.list(let values), .list) where !values.isEmpty && values.allSatisfy { $0.text?.isEmpty == false }:
            return values.compactMap(\.text).joined(separator: ",")
        case (.mapping(let entries), .pairs) where entries.allSatisfy { $0.value.text != nil }:
            return entries.map { "\($0.key)=\(Self.escaped($0.value.text ?? ""))" }.joined(separator: ",")
        default: break
        }
        let kind = if case .text = value.content { "" } else { ", not \(value.kind)" }
        refuse(option, expected: option.format.expectationInFile + kind)
        return nil
    }

    /// What a section has for an option; its key may lead through mappings.
    private func value(_ variable: ConfigurationVariable) -> YAMLValue? {
        guard case .section(let section, _) = store else { return nil }
        return variable.field.split(separator: ".").reduce(section as YAMLValue?) { $0?[String($1)] }
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing(",", with: "\\,")
    }
}
