import Sluice
import SluiceKafka

/// Everything that is in force, value by value, in the order in which a file would have it.
struct EffectiveConfiguration: Sendable {
    private(set) var values: [EffectiveValue] = []

    private let configuration: GatewayConfiguration
    private let texts: OptionTexts

    init(_ configuration: GatewayConfiguration) {
        self.configuration = configuration
        texts = OptionTexts(configuration)
        for setting in GatewayConfiguration.ofProcess { addOption(setting.variable, ["process"], ofProcess: true) }
        addSources()
        addQueue()
        for setting in GatewayConfiguration.journalSettings { addOption(setting.variable, ["journal"]) }
        addDestinations()
        addSinks()
        if configuration.simulator != nil {
            for option in GatewayConfiguration.Simulator.options { addOption(option, ["simulator"]) }
        }
    }

    // MARK: Options

    /// - Parameter ofProcess: whether the environment sets it beside a file too.
    private mutating func addOption(_ variable: ConfigurationVariable, _ section: [String], ofProcess: Bool = false) {
        let path = section + variable.field.split(separator: ".").map(String.init)
        guard let found = texts.find(variable, path, ofProcess: ofProcess) else { return }
        values.append(
            EffectiveValue(
                path: path, text: found.text, origin: found.origin, effect: variable.effect,
                secret: found.secret, isFlow: found.isFlow))
    }

    private mutating func addWord(
        _ path: [String], _ text: String, _ effect: ConfigurationEffect, isFlow: Bool = false
    ) {
        let place = configuration.written.document?.value(at: path)?.place
        values.append(
            EffectiveValue(
                path: path, text: text, origin: place.map { .own($0) } ?? .builtIn, effect: effect, isFlow: isFlow))
    }

    private mutating func addSources() {
        for source in configuration.sources {
            let path = ["sources", source.name]
            guard let kind = Registry.sources.first(where: { $0.isKind(source.options) }) else {
                values.append(
                    EffectiveValue(path: path + ["kind"], text: "of its own", origin: .program, effect: .restart))
                continue
            }
            addWord(path + ["kind"], kind.name, .restart)
            for option in kind.options { addOption(option, path) }
        }
    }

    private mutating func addQueue() {
        addWord(["queue", "kind"], configuration.kafka == nil ? "log" : "kafka", .restart)
        var kafka = configuration.kafka == nil ? [] : KafkaOptions.all
        // Without a user it proves nothing, and a file that has it is asked for one.
        if configuration.kafka?.client.sasl == nil { kafka.removeAll { $0 == KafkaOptions.mechanism.variable } }
        for option in kafka + GatewayConfiguration.retentionSettings.map(\.variable) { addOption(option, ["queue"]) }
    }

    // MARK: Policies

    private mutating func addDestinations() {
        for name in configuration.deliveredTo.map(\.destination).uniqued {
            let policies = configuration.policies(of: name)
            let kinds = configuration.deliveredTo.filter { $0.destination == name }
            let policy = DestinationPolicy(
                pace: policies.throttle.map { .throttled($0) } ?? .unbounded, policies: policies)
            addRows(YAMLMapping(DestinationPolicy.keys).rows(policy), ["destinations", name], kinds: kinds)
        }
    }

    private mutating func addSinks() {
        for sink in configuration.deliveredTo {
            let path = ["sinks", sink.name]
            let kind = Registry.sinks.first { $0.isKind(sink.options) }
            let isOwn = kind == nil && sink.name != Registry.fallback.name
            if isOwn {
                values.append(
                    EffectiveValue(path: path + ["kind"], text: "of its own", origin: .program, effect: .route))
            } else {
                addWord(path + ["kind"], kind?.name ?? sink.name, .route)
            }
            values += kind?.values(sink, path, texts) ?? []
            addWord(path + ["destination"], sink.destination, .route)
            addWord(path + ["group"], sink.group, .route)
            addWord(path + ["start"], "\(sink.start)", .live)
            if let only = sink.only {
                addWord(path + ["only"], only.text, .route, isFlow: true)
            }
            var policy = configuration.policy(of: sink)
            policy.ordering = sink.ordering
            addRows(YAMLMapping(SinkPolicy.keys).rows(policy), path, kinds: [sink])
        }
    }

    /// The values that are in force of a policy's rows.
    private mutating func addRows(_ rows: [KeyRow], _ path: [String], kinds: [ConfiguredSink]) {
        for row in KeyRow.inForce(rows) {
            guard let text = row.standard else { continue }
            values.append(
                EffectiveValue(
                    path: path + row.path, text: text, origin: origin(of: row.path, path, kinds),
                    effect: row.path.first == "ordering" ? .route : .live, isFlow: row.isFlow(text),
                    parts: row.parts(among: rows)))
        }
    }

    private func origin(of row: [String], _ section: [String], _ kinds: [ConfiguredSink]) -> ValueOrigin {
        if let value = configuration.written.document?.nearest(section, row) { return .own(value.place) }
        if let value = configuration.written.document?.nearest(["defaults"], row) { return .defaults(value.place) }
        let isOfKind = row.first == "throttle" && kinds.contains { $0.throttle != nil } || row.first == "ordering"
        guard isOfKind, let sink = kinds.first,
            let kind = Registry.sinks.first(where: { $0.isKind(sink.options) })
        else { return .builtIn }
        return .kind(kind.name)
    }
}

extension KeyRow {
    /// The rows whose values count. What stands inside of something that is off, or that stands as one text, does not.
    static func inForce(_ rows: [KeyRow]) -> [KeyRow] {
        rows.filter { row in
            // A key may speak of others that stand before it: a schedule does.
            let isReplaced = rows.contains { other in
                other.path != row.path && other.replaced.contains { row.path.starts(with: $0) }
            }
            return !isReplaced && (row.standard.map { $0 != "on" } ?? row.isSecret)
        }
    }

    /// Whether a value of it is a list or a mapping in one line.
    func isFlow(_ text: String) -> Bool {
        text.hasPrefix("[") && expected.hasPrefix("a list") || text.hasPrefix("{") && expected.contains("a mapping")
    }

    /// The values that its text stands for.
    fileprivate func parts(among rows: [KeyRow]) -> [String: String] {
        guard let text = standard else { return [:] }
        if text.hasPrefix("["), text.hasSuffix("]") {
            let values = text.dropFirst().dropLast().split(separator: ",")
            return Dictionary(
                uniqueKeysWithValues: zip(1..., values).map { ("\($0)", $1.filter { $0 != " " }) })
        }
        guard text.hasPrefix("{") || text == "halve" else { return [:] }
        let inside = rows.filter { $0.path.count == path.count + 1 && $0.path.starts(with: path) }
        return inside.reduce(into: [:]) { $0[$1.path.last ?? ""] = $1.standard }
    }

    /// The paths that count for nothing where this one has its value.
    fileprivate var replaced: [[String]] {
        guard let text = standard else { return [] }
        if path.last == "schedule", text != "none" {
            return [["retry", "attempts"], ["retry", "max_elapsed"], ["backoff", "transient"]]
        }
        return text == "off" || text == "halve" || text == "serial" || text == "unordered" || text.hasPrefix("{")
            ? [path] : []
    }
}

extension YAMLValue {
    func value(at path: [String]) -> YAMLValue? {
        path.reduce(self as YAMLValue?) { $0?[$1] }
    }

    /// What stands at the path in the section, or what stands for it: `breaker: off`.
    func nearest(_ section: [String], _ path: [String]) -> YAMLValue? {
        guard var value = value(at: section) else { return nil }
        for key in path {
            guard let inner = value[key] else {
                // `throttle: off` says everything inside of it; of a sink as a whole nothing is said.
                if case .text = value.content { return value }
                return nil
            }
            value = inner
        }
        return value
    }
}
