import Sluice

/// The keys of a sink's policies, as they stand under `sinks` and `defaults`. A number more is a line here.
extension SinkPolicy {
    static let keys: [YAMLKey<SinkPolicy>] = [
        .ordering,
        YAMLKey("retry", \.retry, Retry.keys, "How often an event is tried"),
        YAMLKey("backoff", \.retry, Retry.backoffKeys, "How long it waits between attempts"),
        YAMLKey("timeout", \.timeout, Timeout.keys, "How long the destination may take"),
        .notYet("deduplication", "How long an event that was handled is known again"),
    ]
}

extension Retry {
    static let keys = YAMLMapping<Retry>([
        YAMLKey(
            "attempts", \.maxAttempts, .count(from: 1),
            "Attempts in all, the first included; throttled ones do not count"),
        YAMLKey(
            "max_elapsed", \.maxElapsed, .optional(.positiveDuration, none: "never"),
            "No wait begins that would end later than this after the first failure"),
        YAMLKey(
            "hand_back_after", \.handBackAfter, .optional(.duration, none: "never"),
            "An event that waits longer than this frees its worker meanwhile"),
        .notYet("schedule", "The waits between attempts, one after the other"),
        .notYet("exhausted", "What becomes of an event whose attempts are used up: `redeliver` or `poison`"),
    ])

    static let backoffKeys = YAMLMapping<Retry>([
        YAMLKey("transient", \.backoff, Backoff.keys, "Waits after a failure"),
        YAMLKey(
            "throttled", \.throttledBackoff, Backoff.keys,
            "Waits after an answer that asks to slow down and names no time"),
        YAMLKey(
            "jitter", \.hasJitter, .word(["full": true, "none": false]),
            "`full`: each wait is drawn from 0 to its bound; `none`: it is its bound"),
    ])

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

extension YAMLKey<SinkPolicy> {
    /// `serial`, `unordered`, or `{key: repository, lanes: 8}`.
    fileprivate static var ordering: Self {
        Self(
            "ordering", expected: "serial, unordered, or a mapping with key and lanes", standard: { _ in nil },
            "How its events may overlap; `{key: repository, lanes: 8}`: a repository's in order, eight at once. Default: as its kind wants it",
            parts: { _ in KeyedOrdering.keys.rows(KeyedOrdering()) },
            read: { value, policy, faults in
                switch value.content {
                case .text("serial"): policy.ordering = .serial
                case .text("unordered"): policy.ordering = .unordered()
                case .mapping:
                    var keyed = KeyedOrdering()
                    KeyedOrdering.keys.read(value, into: &keyed, &faults)
                    policy.ordering = .perKey(lanes: keyed.lanes)
                case .text, .list, .null:
                    faults.expect("serial, unordered, or a mapping with key and lanes", at: value)
                }
            })
    }
}

private struct KeyedOrdering: Sendable {
    var key = "repository"
    var lanes = 8

    static let keys = YAMLMapping<KeyedOrdering>([
        YAMLKey("key", \.key, .word(["repository": "repository"]), "What keeps its order"),
        YAMLKey("lanes", \.lanes, .count(1...10_000), "How many keys are handled at once"),
    ])
}
