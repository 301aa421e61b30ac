import Sluice

extension Scenario {
    /// What only the whole can be asked: whether names mean something, and everything needed is there.
    func check(_ root: YAMLValue, _ faults: inout YAMLFaults) {
        let present: Set<String> =
            if case .mapping(let entries) = root.content { Set(entries.map(\.key)) } else { [] }
        let needed = [
            ("sinks", "at least one, such as `grafana: {kind: grafana}`"),
            ("arrivals", "such as `every 1s for 10m`"), ("expect", "such as `- {delivered: all}`"),
        ]
        if let configuration {
            for key in ["defaults", "destinations", "sinks"] where present.contains(key) {
                faults.add("\(key) stands in the configuration file: leave one of them out", at: configuration.place)
            }
        }
        // A root that is no mapping has its fault already.
        if case .mapping = root.content {
            for (key, example) in needed where !present.contains(key) && !(key == "sinks" && configuration != nil) {
                faults.add("the key \(key) is missing: \(example)", at: root.place)
            }
        } else if case .null = root.content {
            faults.add("the file is empty: a scenario has sinks, arrivals and expect", at: root.place)
        }
        guard faults.all.isEmpty else { return }
        if sinks.isEmpty { faults.add("expected at least one sink", at: root.place) }
        if arrivals.isEmpty { faults.add("expected at least one arrival", at: root.place) }
        if expectations.isEmpty { faults.add("expected at least one expectation", at: root.place) }
        if let last = messages.last, last.time >= limit {
            faults.add(
                "the last event comes at \(DurationText.write(last.time)), and the scenario ends at "
                    + "\(DurationText.write(limit)): set `for`", at: root.place)
        }
        checkNames(&faults)
        checkMessages(&faults)
    }

    private func checkNames(_ faults: inout YAMLFaults) {
        for destination in destinations {
            known(destination.name, destination.place, destinationNames, "no sink delivers to", &faults)
        }
        for script in answers { known(script.name, script.place, destinationNames, "no sink delivers to", &faults) }
        for sink in sinks {
            if let destination = sink.value.destination, !SinkName.isValid(destination.value) {
                faults.add("expected a name of \(SinkName.expectation)", at: destination.place)
            }
        }
        for expectation in expectations {
            if let sink = expectation.sink {
                known(sink.value, sink.place, sinks.map(\.name), "there is no sink", &faults)
            }
            if let destination = expectation.destination {
                known(destination.value, destination.place, destinationNames, "no sink delivers to", &faults)
            }
        }
    }

    private func known(
        _ name: String, _ place: YAMLValue.Place, _ names: [String], _ complaint: String, _ faults: inout YAMLFaults
    ) {
        guard !names.contains(name) else { return }
        let all = names.isEmpty || names.count > 20 ? "" : "; there is \(names.joined(last: "and"))"
        let hint = Nearest.name(to: name, of: names).map { ": was \($0) meant?" } ?? all
        faults.add("\(complaint) \(name.truncated(toBytes: 64).replacingUnsafeCharacters())\(hint)", at: place)
    }

    private func checkMessages(_ faults: inout YAMLFaults) {
        let messages = messages
        let names = Set(messages.compactMap(\.name))
        let keys = Set(messages.map(\.key))
        let ruleSets = answers.flatMap { $0.value.rules.map(\.messages) }
        let poisonSets = expectations.map { expectation -> MessageSet? in
            if case .messages(let set) = expectation.poisoned { set } else { nil }
        }
        for set in (ruleSets + poisonSets + expectations.map(\.messages)).compactMap(\.self) {
            for element in set.elements {
                switch element.value {
                case .numbers(let range) where range.upperBound > messages.count:
                    faults.add(
                        "there is no message \(range.upperBound): \(NumberText.grouped(messages.count)) come",
                        at: element.place)
                case .name(let name) where !names.contains(name):
                    known(name, element.place, names.sorted(), "there is no message called", &faults)
                default: break
                }
            }
        }
        for expectation in expectations {
            guard let key = expectation.key, !keys.contains(key) else { continue }
            faults.add("no event of \(key.truncated(toBytes: 64)) comes", at: expectation.place)
        }
    }
}
