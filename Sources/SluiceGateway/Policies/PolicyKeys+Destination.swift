import Sluice

/// The keys of a destination's policies, as they stand under `destinations` and `defaults`. A number more is a line here.
extension DestinationPolicy {
    static let keys: [YAMLKey<DestinationPolicy>] = [
        .throttle,
        YAMLKey(
            "retry_after", \.destination.retryAfter, Destination.RetryAfter.keys,
            "What becomes of a time that the destination names"),
        YAMLKey(
            "budget", orOff: \.destination.budget, standard: RetryBudget(), RetryBudget.keys,
            "Bounds the attempts that are no event's first"),
        YAMLKey(
            "breaker", orOff: \.destination.breaker, standard: CircuitBreaker(), CircuitBreaker.keys,
            "Gives it a rest while it fails"),
        .notYet("concurrency", "How many attempts may be under way at once"),
    ]
}

extension Throttle {
    static let keys = YAMLMapping<Throttle>([
        YAMLKey("rate", \.rate, .rate, "Events that may go to it"),
        YAMLKey("burst", \.burst, .count(from: 1), "Events that may go at once after a rest"),
        .notYet("after_429", "`halve`: half the rate after an answer 429, with recovery"),
    ])
}

extension Destination.RetryAfter {
    static let keys = YAMLMapping<Destination.RetryAfter>([
        YAMLKey("maximum", \.maximum, .positiveDuration, "A longer time is cut to this"),
        YAMLKey("jitter", \.jitter, .share(0...1, "0% to 100%"), "How much of the time is added at most"),
    ])
}

extension RetryBudget {
    static let keys = YAMLMapping<RetryBudget>(
        [
            YAMLKey("ratio", \.ratio, .share(0...1_000, "at least 0%"), "Further attempts for each first one"),
            YAMLKey("window", \.window, .positiveDuration, "How long what first attempts allowed may be saved up"),
            YAMLKey("floor", \.floor, .rate, "Further attempts that are always allowed"),
            YAMLKey("cost", \.cost, Cost.keys, "What a further attempt costs, by how it ends"),
        ],
        check: { budget, value, faults in
            if budget.cost.throttled > budget.cost.failed {
                faults.add("expected cost.throttled to be at most cost.failed", at: value.place)
            }
        })
}

extension RetryBudget.Cost {
    static let keys = YAMLMapping<RetryBudget.Cost>([
        YAMLKey("failed", \.failed, .number.bounded("more than 0") { $0 > 0 }, "A failure"),
        YAMLKey("throttled", \.throttled, .number, "An answer that asks to slow down"),
    ])
}

extension CircuitBreaker {
    static let keys = YAMLMapping<CircuitBreaker>([
        YAMLKey(
            "consecutive_failures", \.consecutiveFailures, .optional(.count(from: 1), none: "never"),
            "So many failures in a row open it"),
        YAMLKey(
            "success_below", \.successBelow,
            .optional(.share(0.000_001...1, "more than 0%, at most 100%"), none: "never"),
            "It opens when fewer of the events of late succeed with their first attempt"),
        YAMLKey("minimum_attempts", \.minimumAttempts, .count(from: 1), "The share counts from so many events on"),
        YAMLKey("window", \.window, .positiveDuration, "What \"of late\" is"),
        YAMLKey("open", \.open, Backoff.keys, "How long it stays open, longer after each probe that fails"),
        YAMLKey("probes", \.probes, .count(from: 1), "So many attempts have to succeed before it closes"),
        YAMLKey(
            "force", \.force, .word(["auto": .auto, "open": .open, "closed": .closed]),
            "`open`: nothing is sent; `closed`: nothing is held back"),
    ])
}

extension YAMLKey<DestinationPolicy> {
    /// A mapping, or `off`.
    fileprivate static var throttle: Self {
        Self(
            "throttle", expected: "a mapping, or off",
            "How fast events may go to it. Default: as the sink's kind wants it: Slack 1/s, others off",
            parts: { _ in Throttle.keys.rows(Throttle(rate: 1)) },
            read: { value, policy, faults in
                if value.text == "off" { return policy.throttle = .some(nil) }
                var throttle = policy.throttle.flatMap(\.self) ?? Throttle(rate: 1)
                Throttle.keys.read(value, into: &throttle, &faults)
                policy.throttle = throttle
            })
    }
}
