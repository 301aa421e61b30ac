import Sluice

extension Arrivals {
    static let expected =
        "words such as `every 100ms for 10m`, `50 at 10s` or `at 5s`, or a mapping with some of at, every, for, burst, key, "
        + "event and name"

    static let keys = YAMLMapping<Arrivals>(
        [
            YAMLKey("at", \.at, .durations, "When it comes, or the first of `every`; a list is several times"),
            YAMLKey("every", optional: \.every, .positiveDuration, "One comes again and again, as long as `for` says"),
            YAMLKey("for", optional: \.duration, .positiveDuration, "How long `every` goes on"),
            YAMLKey("burst", \.burst, .count(1...Scenario.maximumMessages), "So many come at once, each time"),
            YAMLKey(
                "key", \.keys, .keys,
                "The repository, whose events keep their order; of a list or a number of keys each in turn"),
            YAMLKey(
                "event", \.kind,
                .word(
                    [
                        "commitPushed": .commitPushed, "commitDeployed": .commitDeployed,
                        "deploymentFailed": .deploymentFailed,
                    ]),
                "What happened"),
            YAMLKey(
                "name", optional: \.name, .text("a name"),
                "What the timeline and `messages` call it; several get `-1`, `-2` …"),
        ],
        check: { arrivals, value, faults in
            switch (arrivals.every, arrivals.duration) {
            case (_?, nil): faults.add("`every` needs `for`: how long it goes on", at: value.place)
            case (nil, _?): faults.add("`for` needs `every`: how often one comes", at: value.place)
            default: break
            }
        })

    /// An entry of the list.
    static func read(_ value: YAMLValue, _ faults: inout YAMLFaults) -> Arrivals? {
        switch value.content {
        case .text(let text):
            if let arrivals = Arrivals(words: text) { return arrivals }
            let words = text.split(separator: " ")
            if words.contains("every"), !words.contains("for") {
                faults.add("`every` needs `for`: how long it goes on, as in `every 1s for 10m`", at: value.place)
            } else {
                faults.expect(expected, at: value)
            }
            return nil
        case .mapping:
            var arrivals = Arrivals()
            keys.read(value, into: &arrivals, &faults)
            return arrivals
        case .list, .null, .unknown:
            faults.expect(expected, at: value)
            return nil
        }
    }
}

extension YAMLFormat where Value == [Duration] {
    fileprivate static var durations: Self {
        Self(
            "a duration such as 5s, or a list of some", write: { $0.map(DurationText.write).joined(separator: ", ") },
            value: { value in
                switch value.content {
                case .text(let text): return DurationText.parse(text).map { [$0] }
                case .list(let values) where !values.isEmpty:
                    let times = values.compactMap { $0.text.flatMap(DurationText.parse) }
                    return times.count == values.count ? times : nil
                case .list, .mapping, .null, .unknown: return nil
                }
            })
    }
}

extension YAMLFormat where Value == [String] {
    /// One key, a list of keys, or how many.
    fileprivate static var keys: Self {
        Self(
            "a key such as acme/app, a list of keys, or how many there are", write: { $0.joined(separator: ", ") },
            value: { value in
                switch value.content {
                case .text(let text):
                    if let count = NumberText.integer(text) {
                        return (1...100_000).contains(count) ? (1...count).map { "acme/app-\($0)" } : nil
                    }
                    return isKey(text) ? [text] : nil
                case .list(let values) where !values.isEmpty:
                    let keys = values.compactMap(\.text).filter(isKey)
                    return keys.count == values.count ? keys : nil
                case .list, .mapping, .null, .unknown: return nil
                }
            })
    }

    private static func isKey(_ text: String) -> Bool { EventField.name(text) == text }
}
