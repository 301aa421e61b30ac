import Sluice

extension Scenario {
    static let keys = YAMLMapping<Scenario>([
        YAMLKey(
            "scenario", optional: \.title, .text("a sentence in one line"), "What is tried. Default: the file's name"),
        YAMLKey(
            "seed", \.seed, .count(from: 0), "What jitter and drawn latencies follow from; another one is another run"),
        YAMLKey(
            "for", \.limit, .positiveDuration,
            "How much virtual time it may take; it ends earlier when nothing waits any more"),
        .configuration, .defaults, .destinations, .sinks, .arrivals, .answers, .expectations,
        .ignored("sources", "a scenario has arrivals instead; leave it out"),
        .ignored("queue", "a scenario's queue is in memory; leave it out"),
        .ignored("journal", "a scenario has a trace instead; leave it out"),
    ])

    /// Reads a file's text.
    /// - Parameter path: the file's, for what is wrong.
    init(_ text: String, path: String) throws(FileFaults) {
        var faults = YAMLFaults()
        self.init()
        directory = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
        if let root = YAMLDocument.read(text, &faults) {
            Self.keys.read(root, into: &self, &faults)
            check(root, &faults)
        }
        guard faults.all.isEmpty else { throw FileFaults(path: path, faults: faults.all, text: text) }
    }
}

extension YAMLKey<Scenario> {
    /// Before those that are read by it.
    fileprivate static var configuration: Self {
        let format = YAMLFormat<String>.text("the path of a configuration file")
        return Self(
            "config", expected: format.expected,
            "A `sluice.yaml`, by its path from here: its `defaults`, `destinations` and `sinks` are tried, and no longer stand here",
            read: { value, scenario, faults in
                guard let path = format.read(value, &faults) else { return }
                scenario.configuration = Placed(value: path, place: value.place)
                scenario.readConfiguration(&faults)
            })
    }

    fileprivate static var defaults: Self {
        Self(
            "defaults", expected: "a mapping", "What every sink and destination goes by that says nothing else",
            read: { value, scenario, faults in
                PolicyDefaults.keys.read(value, into: &scenario.defaults, &faults)
                SinkPolicy.check(value, &faults)
            })
    }

    fileprivate static var destinations: Self {
        Self(
            "destinations", expected: "a mapping of names", "The policies of each destination, by its name",
            parts: { scenario in
                YAMLMapping(DestinationPolicy.keys).rows(scenario.defaults.destination).map { $0.within("NAME") }
            },
            read: { value, scenario, faults in
                scenario.destinations = YAMLNamed.read(value, &faults) { _, value, faults in
                    var policy = scenario.defaults.destination
                    YAMLMapping(DestinationPolicy.keys).read(value, into: &policy, &faults)
                    return policy
                }
            })
    }

    fileprivate static var sinks: Self {
        Self(
            "sinks", expected: "a mapping of names", "The sinks, by their names; each gets every event. At least one",
            parts: { scenario in
                Scenario.Sink.keys.rows(Scenario.Sink(policy: scenario.defaults.sink)).map { $0.within("NAME") }
            },
            read: { value, scenario, faults in
                scenario.sinks = YAMLNamed.read(value, &faults) { _, value, faults in
                    var sink = Scenario.Sink(policy: scenario.defaults.sink)
                    Scenario.Sink.keys.read(value, into: &sink, &faults)
                    SinkPolicy.check(value, &faults)
                    return sink
                }
            })
    }

    fileprivate static var answers: Self {
        Self(
            "answers", expected: "a mapping of names",
            "What each destination answers, by its name. Default: it takes everything at once",
            parts: { _ in DestinationScript.keys.rows(.init()).map { $0.within("NAME") } },
            read: { value, scenario, faults in
                scenario.answers = YAMLNamed.read(value, &faults) { _, value, faults in
                    var script = DestinationScript()
                    DestinationScript.keys.read(value, into: &script, &faults)
                    return script
                }
            })
    }

    fileprivate static var arrivals: Self {
        Self(
            "arrivals", expected: "words, a mapping, or a list of these",
            "The events that come: `every 100ms for 10m`, `50 at 10s`, `at 5s`, or a mapping. At least one",
            parts: { _ in Arrivals.keys.rows(.init()) },
            read: { value, scenario, faults in
                if case .list(let entries) = value.content {
                    scenario.arrivals = entries.compactMap { Arrivals.read($0, &faults) }
                } else if let arrivals = Arrivals.read(value, &faults) {
                    scenario.arrivals = [arrivals]
                }
                let count = scenario.arrivals.reduce(0) { $0.addingSaturated($1.count) }
                if count > Scenario.maximumMessages {
                    faults.add(
                        "expected at most \(NumberText.grouped(Scenario.maximumMessages)) events, not "
                            + NumberText.grouped(count), at: value.place)
                    scenario.arrivals = []
                }
            })
    }

    fileprivate static var expectations: Self {
        Self(
            "expect", expected: "a mapping, or a list of mappings",
            "What has to come true; each entry has keys that say what it is about, and figures. At least one",
            parts: { _ in Expectation.keys.rows(.init()) },
            read: { value, scenario, faults in
                var entries = [value]
                if case .list(let list) = value.content { entries = list }
                for entry in entries {
                    var expectation = Expectation(place: entry.place)
                    if case .mapping = entry.content {
                        Expectation.keys.read(entry, into: &expectation, &faults)
                    } else {
                        faults.expect("a mapping such as {attempts: at most 100}", at: entry)
                    }
                    scenario.expectations.append(expectation)
                }
            })
    }
}

extension Scenario.Sink {
    static let keys = YAMLMapping<Scenario.Sink>(
        own + policies + elsewhere + later,
        check: { sink, value, faults in
            guard sink.digests, let place = value["digest"]?.place else { return }
            if !sink.kind.mayDigest { faults.add("a sink of kind \(sink.kind.name) has no digest", at: place) }
            if let ordering = sink.policy.ordering, ordering != .serial {
                faults.add("a digest needs ordering: serial", at: value["ordering"]?.place ?? place)
            }
        })

    private static let own: [YAMLKey<Scenario.Sink>] = [
        YAMLKey(
            "kind", \.kind, .kind,
            "A kind of sink of the gateway, or plain `http`: how answers are read, and the ordering and throttle that hold when nothing is said"
        ),
        YAMLKey(
            "destination", optional: \.destination, .placedName,
            "What it delivers to, by name; two sinks may share one. Default: its own name"),
        YAMLKey(
            "digest", \.digests, .flag,
            "Of kind slack: deployments and failures before pushes that wait. Nothing is joined: each event is a webhook of its own"
        ),
    ]

    private static let policies: [YAMLKey<Scenario.Sink>] = SinkPolicy.keys.map { $0.about(\.policy) }

    private static let elsewhere: [YAMLKey<Scenario.Sink>] =
        ["url", "webhook", "token", "user", "password", "preset"].map {
            .ignored($0, "a scenario sends nothing; leave it out, and say what is answered under `answers`")
        } + ["start", "group"].map { .ignored($0, "a scenario begins with nothing; leave it out") }

    private static let later: [YAMLKey<Scenario.Sink>] = [
        .only(\.only),
        .notYet("answers", "What its answers mean"),
    ]
}

extension YAMLFormat where Value == ScenarioSinkKind {
    fileprivate static var kind: Self {
        Self(text: ScenarioSinkKind.all.map(\.name).joined(last: "or"), write: { $0.name }) { text in
            ScenarioSinkKind.all.first { $0.name == text }
        }
    }
}
