/// The texts that options were set with, wherever they stand.
struct OptionTexts {
    struct Found {
        let text: String
        let origin: ValueOrigin
        let secret: Secret?
        /// Whether the text is a list or a mapping in one line.
        var isFlow = false
    }

    private let document: YAMLValue?
    private let environment: [String: Secret]

    init(_ configuration: GatewayConfiguration) {
        document = configuration.written.document
        environment = configuration.written.environment
    }

    /// - Returns: nil where nothing is set and that means nothing.
    func find(_ variable: ConfigurationVariable, _ path: [String], ofProcess: Bool) -> Found? {
        if document == nil || ofProcess, let text = environment[variable.name] {
            let shown =
                variable.isSecret
                ? "${\(variable.name)}" : variable.inFile(text.reveal().replacing("${", with: "$${"))
            return Found(
                text: shown, origin: .environment(variable.name), secret: variable.isSecret ? text : nil)
        }
        if let value = document?.value(at: path) {
            return Found(
                text: Self.shown(value, isSecret: variable.isSecret), origin: .own(value.place),
                secret: variable.isSecret ? Secret(value.flatText ?? "") : nil, isFlow: value.isFlow)
        }
        return variable.defaultValue.map { Found(text: variable.inFile($0), origin: .builtIn, secret: nil) }
    }

    /// What is in force of a key; nil where that is nothing.
    func value(of row: KeyRow, _ section: [String]) -> EffectiveValue? {
        let path = section + row.path
        let value = document?.nearest(section, row.path)
        // What `${…}` put into a template may be a secret as well.
        let (isReference, isHidden) = (value?.written != nil, row.isSecret || value?.written != nil)
        let shown =
            row.isSecret
            ? value.map { Self.shown($0, isSecret: true) }
            : isReference ? value?.written : row.standard?.replacing("${", with: "$${")
        guard let shown, !shown.isEmpty else { return nil }
        return EffectiveValue(
            path: path, text: shown, origin: value.map { .own($0.place) } ?? .builtIn, effect: .route,
            secret: isHidden ? Secret(value?.flatText ?? "") : nil,
            isFlow: row.isSecret ? value?.isFlow ?? false : row.isFlow(shown))
    }

    /// A secret that was written as `${…}` is shown as that.
    static func shown(_ value: YAMLValue, isSecret: Bool) -> String {
        guard isSecret else { return (value.flatText ?? "").replacing("${", with: "$${") }
        switch value.content {
        case .mapping(let entries):
            return
                "{\(entries.map { "\(YAMLText.quoted($0.key)): \(YAMLText.quoted(shown($0.value, isSecret: true)))" }.joined(separator: ", "))}"
        case .list(let values):
            return "[\(values.map { YAMLText.quoted(shown($0, isSecret: true)) }.joined(separator: ", "))]"
        case .text, .null, .unknown: break
        }
        guard let written = value.written, written.hasPrefix("${"), written.hasSuffix("}"), !written.contains(":-"),
            written.dropFirst(2).dropLast().allSatisfy({ $0 != "$" && $0 != "}" && $0 != "{" })
        else { return EffectiveValue.hidden }
        return written
    }
}

extension YAMLValue {
    /// Whether it is more than a text.
    var isFlow: Bool {
        switch content {
        case .list, .mapping: true
        case .text, .null, .unknown: false
        }
    }

    /// The value in one line, as a file may have it.
    var flatText: String? {
        switch content {
        case .null, .unknown: nil
        case .text(let text): text
        case .list(let values): "[\(values.map { YAMLText.quoted($0.flatText ?? "") }.joined(separator: ", "))]"
        case .mapping(let entries):
            "{\(entries.map { "\(YAMLText.quoted($0.key)): \(YAMLText.quoted($0.value.flatText ?? ""))" }.joined(separator: ", "))}"
        }
    }
}
