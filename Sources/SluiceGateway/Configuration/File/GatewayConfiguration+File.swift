import Sluice
import SluiceHTTP

extension GatewayConfiguration {
    /// Reads `sluice.yaml`, or a directory of such files.
    ///
    /// Sources, queue, destinations, sinks and their policies come from the file alone; the environment sets what is about
    /// the process itself, and what `${VARIABLE}` names.
    ///
    /// ```swift
    /// let configuration = try GatewayConfiguration(
    ///     file: "sluice.yaml", environment: ProcessInfo.processInfo.environment)
    /// ```
    /// - Parameters:
    ///   - path: a file, or a directory of them.
    ///   - environment: the variables.
    ///   - dotEnv: the text of a `.env` file, for what the environment does not set.
    /// - Throws: ``FileFaults`` with everything that is wrong with the file, each with its line and column;
    ///   ``EnvironmentError`` for what is wrong with the environment.
    public init(file path: String, environment: [String: String], dotEnv: String? = nil) throws {
        let names = Set(Self.variables.map { Substring($0.name) })
        let dotEnv = DotEnv.contents(of: dotEnv ?? "") { names.contains($0) }
        // An empty variable in the environment does not hide the file's.
        let set = dotEnv.values.merging(environment.filter { !$0.value.isEmpty }) { _, environment in environment }
        let file = try ConfigurationFile.read(path) { set[$0].flatMap { $0.isEmpty ? nil : $0 } }

        var values = ConfigurationValues(set)
        values.add(dotEnv.problems)
        var sections = FileSections(GatewayConfiguration())
        var faults = file.found
        FileSections.keys.read(file.document, into: &sections, &faults)
        // For what is about the process the environment counts more.
        for setting in Self.ofProcess where values.isSet(setting.variable) {
            setting.read(&values, &sections.configuration)
        }
        self = sections.configuration
        written = WrittenConfiguration(
            origin: file.origin, document: file.document, environment: Self.environmentTexts(set))
        sinkProxy = .environment(set)
        checkWhole(file.document, &faults)
        var leftOut = OverruledVariables(set, file)
        leftOut.look(&faults)
        guard faults.all.isEmpty else { throw file.faults(faults) }
        guard values.problems.isEmpty else {
            throw EnvironmentError(problems: dotEnv.skipped.map(\.problem) + values.problems)
        }
        warnings =
            ConfigurationTypos.warnings(
                environment: environment.keys.filter { !file.variables.contains($0) },
                file: dotEnv.values.keys.filter { !file.variables.contains($0) })
            + sections.warnings + leftOut.warnings + values.warnings + [dotEnv.warning].compactMap(\.self)
    }

    /// What only the whole can be asked: whether names mean something, and what listens where.
    private func checkWhole(_ document: YAMLValue, _ faults: inout YAMLFaults) {
        let named = document["sinks"]?.entries ?? []
        var groups: [String: String] = [
            DeploymentsRoute.name: "the gateway itself", LogTransfer.name: "the gateway itself",
        ]
        for sink in sinks {
            guard let entry = named.first(where: { $0.key == sink.name }) else { continue }
            for group in sink.groups {
                guard let other = groups.updateValue("the sink \(sink.name)", forKey: group) else { continue }
                faults.add(
                    "the group \(group) is \(other)'s: give each sink a group of its own",
                    at: entry.value["group"]?.place ?? entry.place)
            }
            if sink.only?.wantsIncidents == true, sink.group.utf8.count > ReaderPart.longestGroup {
                faults.add(
                    "the group's name has more than \(ReaderPart.longestGroup) bytes, which leaves none for the group of incidents",
                    at: entry.value["group"]?.place ?? entry.place)
            }
            if sink.only?.wantsIncidents == true, let fault = sink.options.faultWithIncidents {
                faults.add(fault.text, at: entry.value[fault.key]?.place ?? entry.place)
            }
            guard sink.options.digests else { continue }
            let place = entry.value["digest"]?.place ?? entry.place
            if sink.ordering != .serial {
                faults.add(
                    "a digest needs ordering: serial", at: entry.value["ordering"]?.place ?? place)
            }
            if sink.group.utf8.count > ReaderPart.longestGroup {
                faults.add(
                    "the group's name has more than \(ReaderPart.longestGroup) bytes, which leaves none for the group of the digest",
                    at: entry.value["group"]?.place ?? place)
            }
        }
        let used = Set(sinks.map(\.destination))
        for entry in document["destinations"]?.entries ?? [] where !used.contains(entry.key) {
            // A sink that has a fault of its own may be the one.
            guard sinks.count == named.count else { break }
            let names = used.sorted()
            let hint = Nearest.name(to: entry.key, of: names).map { ": was \($0) meant?" } ?? ""
            faults.add("no sink delivers to \(Nearest.shownKey(entry.key))\(hint)", at: entry.place)
        }
        if !bindAddress.isLoopback, !allowsUnsigned {
            for source in sources {
                for variable in source.options.unsigned {
                    let entry = document["sources"]?.entries.first { $0.key == source.name }
                    faults.add(
                        "the key \(variable.field) is missing: webhooks are taken in beyond loopback "
                            + "(or set process.allow_unsigned: true)", at: entry?.place ?? document.place)
                }
            }
        }
        if bindAddress.collides(with: metricsBindAddress) {
            faults.add(
                "process.metrics_bind: expected another address and port than process.bind",
                at: document.value(at: ["process", "metrics_bind"])?.place ?? document["process"]?.place
                    ?? document.place)
        }
    }
}

extension YAMLValue {
    /// Of a mapping; none for anything else.
    var entries: [Entry] {
        if case .mapping(let entries) = content { entries } else { [] }
    }
}
