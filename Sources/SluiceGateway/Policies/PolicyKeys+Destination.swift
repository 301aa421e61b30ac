import Sluice

/// The keys of a destination's policies, as they stand under `destinations` and `defaults`. A number more is a line here.
extension DestinationPolicy {
    static let keys: [YAMLKey<DestinationPolicy>] = [
        .throttle,
        YAMLKey(
            "concurrency", orOff: \.policies.concurrency, standard: .fixed(4), Concurrency.keys,
            "How many attempts may be under way at once"),
        YAMLKey(
            "retry_after", \.policies.retryAfter, Destination.RetryAfter.keys,
            "What becomes of a time that the destination names"),
        YAMLKey(
            "budget", orOff: \.policies.budget, standard: RetryBudget(), RetryBudget.keys,
            "Bounds the attempts that are no event's first"),
        YAMLKey(
            "breaker", orOff: \.policies.breaker, standard: CircuitBreaker(), CircuitBreaker.keys,
            "Gives it a rest while it fails"),
    ]
}

extension Throttle {
    static let keys = YAMLMapping<Throttle>([
        YAMLKey("rate", \.rate, .rate, "Events that may go to it"),
        YAMLKey("burst", \.burst, .count(from: 1), "Events that may go at once after a rest"),
        YAMLKey(
            "key", \.key, .word(["repository": Event.orderingKeySelector, "none": nil]),
            "`repository`: each has a rate of its own; `none`: they share one"),
        .slowdown,
    ])
}

extension Throttle.Slowdown {
    static let keys = YAMLMapping<Throttle.Slowdown>([
        YAMLKey(
            "factor", \.factor, .number.bounded("more than 0, less than 1") { $0 > 0 && $0 < 1 },
            "What the rate is multiplied with, once a second at most"),
        YAMLKey("recovery", \.recovery, .positiveDuration, "How long the way back from one cut takes"),
    ])
}

extension Concurrency {
    static let keys = YAMLMapping<Concurrency>(
        [
            YAMLKey(
                "mode", \.mode, .word(["fixed": .fixed, "adaptive": .adaptive]),
                "`adaptive`: between 1 and `maximum`, from how long attempts take"),
            YAMLKey("limit", \.limit, .count(from: 1), "Attempts at once; of an adaptive one, how many to begin with"),
            YAMLKey("maximum", \.maximum, .count(from: 1), "How far an adaptive limit grows"),
        ],
        check: { concurrency, value, faults in
            if concurrency.mode == .adaptive, concurrency.maximum < concurrency.limit {
                faults.add("expected `maximum` to be at least `limit`", at: value.place)
            }
        })
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
            standard: { policy in
                switch policy.pace {
                case .ofKind: nil
                case .unbounded: "off"
                case .throttled: "on"
                }
            },
            "How fast events may go to it. Default: as its sinks' kinds want it: Slack 1/s, others off",
            parts: { policy in
                if case .throttled(let throttle) = policy.pace { return Throttle.keys.rows(throttle) }
                return Throttle.keys.rows(Throttle(rate: 1))
            },
            read: { value, policy, faults in
                if SwitchText.parse(value.text) == false { return policy.pace = .unbounded }
                // `on` names no rate, and only a sink of Slack's has one of its own.
                if value.text != nil {
                    return faults.expect("a mapping such as {rate: 5/s, burst: 3}, or off", at: value)
                }
                var throttle = Throttle(rate: 1)
                if case .throttled(let before) = policy.pace { throttle = before }
                Throttle.keys.read(value, into: &throttle, &faults)
                policy.pace = .throttled(throttle)
            })
    }
}

extension YAMLKey<Throttle> {
    /// `halve`, a mapping, or `off`.
    fileprivate static var slowdown: Self {
        Self(
            "after_429", expected: "halve, a mapping with factor and recovery, or off",
            standard: { throttle in
                guard let slowdown = throttle.slowdown else { return "off" }
                if slowdown == .halve() { return "halve" }
                let factor = NumberText.short(slowdown.factor)
                return "{factor: \(factor), recovery: \(DurationText.write(slowdown.recovery))}"
            },
            "What becomes of the rate when the destination asks to slow down all the same",
            parts: { Throttle.Slowdown.keys.rows($0.slowdown ?? .halve()) },
            read: { value, throttle, faults in
                switch value.content {
                case .text(let text) where SwitchText.parse(text) == false: throttle.slowdown = nil
                case .text("halve"): throttle.slowdown = .halve()
                case .mapping:
                    var slowdown = throttle.slowdown ?? .halve()
                    Throttle.Slowdown.keys.read(value, into: &slowdown, &faults)
                    throttle.slowdown = slowdown
                case .text, .list, .null, .unknown:
                    faults.expect("halve, a mapping with factor and recovery, or off", at: value)
                }
            })
    }
}
