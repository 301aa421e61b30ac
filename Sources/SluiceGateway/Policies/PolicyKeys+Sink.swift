import Sluice

/// The keys of a sink's policies, as they stand under `sinks` and `defaults`. A number more is a line here.
extension SinkPolicy {
    static let keys: [YAMLKey<SinkPolicy>] = [
        .ordering,
        YAMLKey("backoff", \.retry, Retry.backoffKeys, "How long it waits between attempts"),
        YAMLKey("retry", \.retry, Retry.keys, "How often an event is tried"),
        YAMLKey("timeout", \.timeout, Timeout.keys, "How long the destination may take"),
        YAMLKey("deduplication", \.self, deduplicationKeys, "How long an event that was delivered is known again"),
    ]

    private static let deduplicationKeys = YAMLMapping<SinkPolicy>([
        YAMLKey("window", \.deduplication, .positiveDuration, "From its delivery on")
    ])

    /// What only a sink's keys together can be asked.
    static func check(_ sink: YAMLValue, _ faults: inout YAMLFaults) {
        guard let schedule = sink["retry"]?["schedule"], schedule.text != "none" else { return }
        let replaced = [
            ("attempts", sink["retry"]?["attempts"]), ("max_elapsed", sink["retry"]?["max_elapsed"]),
            ("backoff.transient", sink["backoff"]?["transient"]),
        ]
        for case (let name, let value?) in replaced {
            faults.add("a schedule stands in the place of \(name): leave one of them out", at: value.place)
        }
    }
}

extension Retry {
    static let keys = YAMLMapping<Retry>([
        YAMLKey(
            "attempts", \.attemptsWithoutSchedule, .count(from: 1),
            "Attempts in all, the first included; throttled ones do not count"),
        YAMLKey(
            "max_elapsed", \.maxElapsedWithoutSchedule, .optional(.positiveDuration, none: "never"),
            "No wait begins that would end later than this after the first failure"),
        YAMLKey(
            "hand_back_after", \.handBackAfter, .optional(.duration, none: "never"),
            "An event that waits longer than this frees its worker meanwhile"),
        .schedule,
        YAMLKey(
            "exhausted", \.exhaustion, .word(["redeliver": .redeliver, "poison": .poison]),
            "What becomes of an event whose attempts are used up: it is delivered again with one attempt each time, or goes to the poison queue"
        ),
    ])

    static let backoffKeys = YAMLMapping<Retry>([
        YAMLKey("transient", \.backoffWithoutSchedule, Backoff.keys, "Waits after a failure"),
        YAMLKey(
            "throttled", \.throttledBackoff, Backoff.keys,
            "Waits after an answer that asks to slow down and names no time"),
        YAMLKey(
            "jitter", \.hasJitter, .word(["full": true, "none": false]),
            "`full`: each wait is drawn from 0 to its bound; `none`: it is its bound"),
    ])

    // What a schedule stands in the place of. A sink that sets one of these goes by no schedule of the defaults.

    fileprivate var attemptsWithoutSchedule: Int {
        get { maxAttempts }
        set { (maxAttempts, schedule) = (newValue, nil) }
    }

    fileprivate var maxElapsedWithoutSchedule: Duration? {
        get { maxElapsed }
        set { (maxElapsed, schedule) = (newValue, nil) }
    }

    fileprivate var backoffWithoutSchedule: Backoff {
        get { backoff }
        set { (backoff, schedule) = (newValue, nil) }
    }

    fileprivate var hasJitter: Bool {
        get { backoff.jitter }
        set {
            backoff.jitter = newValue
            throttledBackoff.jitter = newValue
        }
    }
}

extension Backoff {
    static let keys = YAMLMapping<Backoff>(
        [
            YAMLKey(
                "from", \.initial, .positiveDuration, "The longest first wait; each one after may be twice as long"),
            YAMLKey("to", \.maximum, .positiveDuration, "No wait is longer"),
        ],
        check: { backoff, value, faults in
            if backoff.maximum < backoff.initial {
                faults.add("expected `to` to be at least `from`", at: value.place)
            }
        })
}

extension Timeout {
    static let keys = YAMLMapping<Timeout>([
        YAMLKey(
            "attempt", \.deadline, .positiveDuration,
            "One attempt; the HTTP client gives up after 30s in any case")
    ])
}

extension YAMLKey<Retry> {
    /// `[5s, 5m, 30m, 2h]`, or `none`.
    fileprivate static var schedule: Self {
        let expected = "a list of 1 to 100 durations such as [5s, 5m, 30m], or none"
        return Self(
            "schedule", expected: expected,
            standard: { retry in
                retry.schedule.map { "[\($0.map { DurationText.write($0) }.joined(separator: ", "))]" } ?? "none"
            },
            "The waits before the retries, one after the other and without jitter; it stands in the place of `attempts`, `max_elapsed` and `backoff.transient`",
            read: { value, retry, faults in
                if value.text == "none" { return retry.schedule = nil }
                guard case .list(let entries) = value.content, (1...100).contains(entries.count) else {
                    return faults.expect(expected, at: value)
                }
                let waits = entries.compactMap { YAMLFormat<Duration>.duration.read($0, &faults) }
                if waits.count == entries.count { retry.schedule = waits }
            })
    }
}

extension YAMLKey<SinkPolicy> {
    /// `serial`, `unordered`, or `{key: repository, lanes: 8}`.
    fileprivate static var ordering: Self {
        Self(
            "ordering", expected: "serial, unordered, or a mapping with key and lanes",
            standard: { policy in
                switch policy.ordering?.kind {
                case .serial: "serial"
                case .unordered: "unordered"
                case .perKey(let lanes, _): "{key: repository, lanes: \(lanes)}"
                case nil: nil
                }
            },
            "How its events may overlap; `{key: repository, lanes: 8}`: a repository's in order, eight at once. Default: as its kind wants it",
            parts: { KeyedOrdering.keys.rows(KeyedOrdering($0.ordering)) },
            read: { value, policy, faults in
                switch value.content {
                case .text("serial"): policy.ordering = .serial
                case .text("unordered"): policy.ordering = .unordered()
                case .mapping:
                    var keyed = KeyedOrdering()
                    KeyedOrdering.keys.read(value, into: &keyed, &faults)
                    policy.ordering = .perKey(lanes: keyed.lanes)
                case .text, .list, .null, .unknown:
                    faults.expect("serial, unordered, or a mapping with key and lanes", at: value)
                }
            })
    }
}

private struct KeyedOrdering: Sendable {
    var key = "repository"
    var lanes = 8

    /// - Parameter ordering: whose lanes it has, where these are kept by their keys.
    init(_ ordering: Ordering? = nil) {
        if case .perKey(let lanes, _) = ordering?.kind { self.lanes = lanes }
    }

    static let keys = YAMLMapping<KeyedOrdering>([
        YAMLKey("key", \.key, .word(["repository": "repository"]), "What keeps its order"),
        YAMLKey("lanes", \.lanes, .count(1...10_000), "How many keys are handled at once"),
    ])
}
