import Sluice

extension DestinationScript {
    static let keys = YAMLMapping<DestinationScript>(
        Answer.keys(\.usual) + [
            YAMLKey("capacity", \.capacity, Capacity.keys, "What it takes"),
            .rules,
        ])
}

extension DestinationScript.Answer {
    /// The keys of an answer, wherever one stands.
    static func keys<Target: Sendable>(
        _ path: any WritableKeyPath<Target, DestinationScript.Answer> & Sendable
    ) -> [YAMLKey<Target>] {
        mapping.keys.map { $0.about(path) }
    }

    static let mapping = YAMLMapping<DestinationScript.Answer>([
        YAMLKey("status", \.status, .count(200...599), "The status of HTTP"),
        YAMLKey("body", optional: \.body, .body, "The body. Default: what the sink's kind expects with the status"),
        YAMLKey("retry_after", optional: \.retryAfter, .duration, "The header Retry-After"),
        YAMLKey("latency", \.latency, .latency, "How long the answer takes: `80ms`, or drawn from `20ms to 200ms`"),
        YAMLKey(
            "error", optional: \.error, .faults,
            "There is no answer but this; `timeout`: nothing comes until the client gives up"),
        YAMLKey(
            "poison", \.isPoison, .flag, "It can never take the message, and says so in the words of the sink's kind"),
    ])
}

extension DestinationScript.Capacity {
    static let keys = YAMLMapping<DestinationScript.Capacity>([
        YAMLKey("rate", optional: \.rate, .rate, "Requests that it takes; the others get `beyond`. Default: any"),
        YAMLKey("burst", \.burst, .count(from: 1), "Requests that it takes at once after a rest"),
        YAMLKey("beyond", \.beyond, DestinationScript.Answer.mapping, "What those get that are too many"),
        YAMLKey(
            "at_once", optional: \.atOnce, .count(from: 1),
            "Requests that it works on at once; others wait for their turn. Default: any"),
    ])
}

extension DestinationScript.Rule {
    static let keys = YAMLMapping<DestinationScript.Rule>(
        [
            YAMLKey("from", optional: \.from, .duration, "From this time on. Default: the beginning"),
            YAMLKey("to", optional: \.to, .positiveDuration, "Until this time. Default: the end"),
            YAMLKey("messages", optional: \.messages, .messages, "To these messages alone. Default: all"),
            YAMLKey(
                "key", optional: \.key, .text("a key such as acme/app"), "To messages of this key alone. Default: all"),
            YAMLKey(
                "times", optional: \.times, .count(from: 1), "To the first so many attempts that fit. Default: all"),
        ] + DestinationScript.Answer.keys(\.answer),
        check: { rule, value, faults in
            if let from = rule.from, let to = rule.to, to <= from {
                faults.add("expected `to` to be later than `from`", at: value.place)
            }
        })
}

extension YAMLKey<DestinationScript> {
    fileprivate static var rules: Self {
        Self(
            "when", expected: "a list of mappings",
            "Other answers at some times or for some messages; the first entry that fits counts",
            parts: { _ in DestinationScript.Rule.keys.rows(.init()) },
            read: { value, script, faults in
                guard case .list(let entries) = value.content else {
                    return faults.expect("a list of mappings, such as - {from: 1m, to: 5m, status: 503}", at: value)
                }
                for entry in entries {
                    var rule = DestinationScript.Rule()
                    // It is as slow as usual, unless it says something else.
                    rule.answer.latency = script.usual.latency
                    DestinationScript.Rule.keys.read(entry, into: &rule, &faults)
                    script.rules.append(rule)
                }
            })
    }
}

extension YAMLFormat where Value == String {
    /// Any text, also an empty one.
    fileprivate static var body: Self { Self(text: "a text", write: { $0 }) { $0 } }
}

extension YAMLFormat where Value == DestinationScript.Fault {
    fileprivate static var faults: Self {
        Self(text: DestinationScript.Fault.allCases.map(\.rawValue).joined(last: "or"), write: { $0.rawValue }) {
            DestinationScript.Fault(rawValue: $0)
        }
    }
}

extension YAMLFormat where Value == DestinationScript.Latency {
    fileprivate static var latency: Self {
        Self(
            text: "a duration such as 80ms, or two such as 20ms to 200ms",
            write: { latency in
                let from = DurationText.write(latency.from)
                return latency.from == latency.to ? from : "\(from) to \(DurationText.write(latency.to))"
            },
            parse: { text in
                if let one = DurationText.parse(text) { return .init(from: one, to: one) }
                let words = text.split(separator: " ").map(String.init)
                guard words.count == 3, words[1] == "to", let from = DurationText.parse(words[0]),
                    let to = DurationText.parse(words[2]), to >= from
                else { return nil }
                return .init(from: from, to: to)
            })
    }
}

extension YAMLFormat where Value == MessageSet {
    /// `5`, `5-8`, a name, or a list of these.
    static var messages: Self {
        Self(
            "a message's number or name, a range such as 5-8, or a list of these", write: { _ in "" },
            value: { value in
                switch value.content {
                case .text: return element(value).map { MessageSet(elements: [$0]) }
                case .list(let values) where !values.isEmpty:
                    let elements = values.compactMap(element)
                    return elements.count == values.count ? MessageSet(elements: elements) : nil
                case .list, .mapping, .null, .unknown: return nil
                }
            })
    }

    private static func element(_ value: YAMLValue) -> Placed<MessageSet.Element>? {
        guard let text = value.text, !text.isEmpty else { return nil }
        if let number = NumberText.integer(text) {
            return number >= 1 ? Placed(value: .numbers(number...number), place: value.place) : nil
        }
        let parts = text.split(separator: "-").map { NumberText.integer(String($0)) }
        if parts.count == 2, let first = parts[0], let last = parts[1] {
            return first >= 1 && last >= first ? Placed(value: .numbers(first...last), place: value.place) : nil
        }
        return text.hasUnsafeCharacters ? nil : Placed(value: .name(text), place: value.place)
    }
}
