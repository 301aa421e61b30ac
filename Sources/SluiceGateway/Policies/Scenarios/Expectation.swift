import Sluice

/// What is expected of a scenario, or of a part of it.
struct Expectation: Sendable {
    /// How many are delivered.
    enum Delivered: Sendable {
        case all
        case count(Bound<Int>)
    }

    /// What is poisoned.
    enum Poisoned: Sendable {
        case nothing
        case count(Bound<Int>)
        case messages(MessageSet)
    }

    enum Order: String, Sendable, CaseIterable {
        /// As the sink's ordering promises.
        case kept
        /// All events of the sink in the order of their coming.
        case total
        /// A repository's events in the order of their coming.
        case perKey = "per_key"
    }

    /// From an event's coming to its delivery.
    struct Waits: Sendable {
        var average: Bound<Duration>?
        var p50: Bound<Duration>?
        var p90: Bound<Duration>?
        var p95: Bound<Duration>?
        var p99: Bound<Duration>?
        var longest: Bound<Duration>?

        /// With the share of the events that wait no longer; nil is the average.
        var all: [(name: String, share: Double?, bound: Bound<Duration>)] {
            let named: [(String, Double?, Bound<Duration>?)] = [
                ("average", nil, average), ("p50", 0.5, p50), ("p90", 0.9, p90), ("p95", 0.95, p95), ("p99", 0.99, p99),
                ("longest", 1, longest),
            ]
            return named.compactMap { name, share, bound in bound.map { (name, share, $0) } }
        }
    }

    var place = YAMLValue.Place(line: 1, column: 1)

    // What it is about.
    var sink: Placed<String>?
    var destination: Placed<String>?
    var key: String?
    var messages: MessageSet?
    var from: Duration?
    var to: Duration?
    var at: Duration?
    var by: Duration?

    // What is expected.
    var attempts: Bound<Int>?
    var amplification: Bound<Double>?
    var waits = Waits()
    var order: Order?
    var delivered: Delivered?
    var poisoned: Poisoned?
    var waiting: Bound<Int>?
    var doubled: Bound<Int>?

    /// What it is about, in words behind a figure's name; empty where that is everything.
    var scope: String {
        var words: [String] = []
        if let sink { words.append("of the sink \(sink.value)") }
        if let destination { words.append("at \(destination.value)") }
        if let key { words.append("of \(key)") }
        if messages != nil { words.append("of some messages") }
        if let from { words.append("from \(DurationText.write(from))") }
        if let to { words.append("to \(DurationText.write(to))") }
        return words.isEmpty ? "" : " " + words.joined(separator: " ")
    }

    fileprivate var isEmpty: Bool {
        attempts == nil && amplification == nil && waits.all.isEmpty && order == nil && delivered == nil
            && poisoned == nil && waiting == nil && doubled == nil
    }
}

extension Expectation {
    static let keys = YAMLMapping<Expectation>(
        [
            YAMLKey("sink", optional: \.sink, .placedName, "About this sink alone"),
            YAMLKey("destination", optional: \.destination, .placedName, "About this destination alone"),
            YAMLKey("key", optional: \.key, .text("a key such as acme/app"), "About this repository's events alone"),
            YAMLKey("messages", optional: \.messages, .messages, "About these messages alone"),
            YAMLKey("from", optional: \.from, .duration, "About attempts from this time on"),
            YAMLKey("to", optional: \.to, .positiveDuration, "About attempts before this time"),
            YAMLKey("attempts", optional: \.attempts, .boundedCount, "Attempts in all"),
            YAMLKey(
                "amplification", optional: \.amplification, .boundedRatio,
                "Attempts for each event that was attempted; 1 is perfect"),
            YAMLKey(
                "delivered", optional: \.delivered, .delivered, "Events that were delivered, counted for each sink"),
            YAMLKey("by", optional: \.by, .duration, "With `delivered`: until this time. Default: the end"),
            YAMLKey(
                "waiting", optional: \.waiting, .boundedCount,
                "Events that have come and still wait, counted for each sink"),
            YAMLKey("at", optional: \.at, .duration, "With `waiting`: at this time. Default: the end"),
            YAMLKey("poisoned", optional: \.poisoned, .poisoned, "Events in the poison queue: how many, or which"),
            YAMLKey(
                "waits", \.waits, Waits.keys,
                "How long events wait, from their coming to their delivery; what was not delivered has waited until the end"
            ),
            YAMLKey(
                "order", optional: \.order, .order,
                "`kept`: as the sink's ordering promises; `total`: the sink's events in the order of their coming; `per_key`: each repository's"
            ),
            YAMLKey(
                "doubled", optional: \.doubled, .boundedCount,
                "Events that a destination took more than once, counted for each sink"),
        ],
        check: { expectation, value, faults in
            if expectation.isEmpty {
                faults.add(
                    "nothing is expected: add attempts, delivered, waits, order, poisoned or waiting", at: value.place)
            }
            if expectation.by != nil, expectation.delivered == nil {
                faults.add("`by` belongs to `delivered`", at: value.place)
            }
            if expectation.at != nil, expectation.waiting == nil {
                faults.add("`at` belongs to `waiting`", at: value.place)
            }
            if let from = expectation.from, let to = expectation.to, to <= from {
                faults.add("expected `to` to be later than `from`", at: value.place)
            }
            if expectation.from != nil || expectation.to != nil,
                expectation.attempts == nil, expectation.amplification == nil
            {
                faults.add("`from` and `to` belong to `attempts` and `amplification`", at: value.place)
            }
        })
}

extension Expectation.Waits {
    static let keys = YAMLMapping<Expectation.Waits>([
        YAMLKey("average", optional: \.average, .boundedDuration, "On average"),
        YAMLKey("p50", optional: \.p50, .boundedDuration, "Half of them wait no longer"),
        YAMLKey("p90", optional: \.p90, .boundedDuration, "90% of them wait no longer"),
        YAMLKey("p95", optional: \.p95, .boundedDuration, "95% of them wait no longer"),
        YAMLKey("p99", optional: \.p99, .boundedDuration, "99% of them wait no longer"),
        YAMLKey("longest", optional: \.longest, .boundedDuration, "None waits longer"),
    ])
}

extension YAMLFormat where Value == Placed<String> {
    static var placedName: Self {
        Self(
            "a name", write: { $0.value },
            value: { value in value.text.flatMap { $0.isEmpty ? nil : Placed(value: $0, place: value.place) } })
    }
}

extension YAMLFormat where Value == Expectation.Delivered {
    fileprivate static var delivered: Self {
        let count = YAMLFormat<Bound<Int>>.boundedCount
        return Self(
            text: "all, or \(count.expected)", write: { _ in "all" },
            parse: { text in text == "all" ? .all : count.value(of: text).map { .count($0) } })
    }
}

extension YAMLFormat where Value == Expectation.Poisoned {
    fileprivate static var poisoned: Self {
        let count = YAMLFormat<Bound<Int>>.boundedCount
        let list = YAMLFormat<MessageSet>.messages
        return Self(
            "none, a list of messages such as [5], or \(count.expected)", write: { _ in "none" },
            value: { value in
                switch value.content {
                case .text("none"): .nothing
                case .text(let text): count.value(of: text).map { .count($0) }
                case .list(let values) where values.isEmpty: .nothing
                case .list: list.value(of: value).map { .messages($0) }
                case .null, .mapping, .unknown: nil
                }
            })
    }
}

extension YAMLFormat where Value == Expectation.Order {
    fileprivate static var order: Self {
        Self(text: Expectation.Order.allCases.map(\.rawValue).joined(last: "or"), write: { $0.rawValue }) {
            Expectation.Order(rawValue: $0)
        }
    }
}
