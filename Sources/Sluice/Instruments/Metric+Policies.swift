/// Metrics of the middlewares.
extension Metric {
    public static let policies: [Metric] = policyAreas.flatMap(\.metrics)

    static let policyAreas: [Area] = [
        Area(
            "Destinations",
            "For each outside system that routes deliver to: those that have a name, and those of routes with the middleware Retry, which have the route's.",
            [
                destinationAttempts, destinationMessages, destinationAmplification, destinationShut,
                destinationNextAttempt, destinationWaiting, destinationBudgetRemaining, destinationHolds,
                destinationLastSuccess,
            ]),
        Area(
            "Retry", "For routes with the middleware Retry.",
            [retries, retriesExhausted, retryBackoff, retryMaxAttempts, retryBudgetRemaining]),
        Area(
            "Throttle", "For routes with the middleware Throttle.", [throttleWait, throttleWaiting, throttlePermits]),
        Area(
            "Poison", "For routes with the middleware PoisonQueue, and for the queues that they fill.",
            [poisoned, poisonPublishFailures, poisonTruncated, poisonNotKept, poisonQueueMessages, poisonOldestMessage]),
        Area("Deduplication", "For routes with the middleware Deduplicator.", [dedupChecks]),
    ]

    // Destinations
    public static let destinationAttempts = counter(
        "sluice_destination_attempts_total",
        [
            .destination,
            Label("result", "how the attempt ended", values: AttemptResult.allCases.map(\.rawValue)),
        ],
        "Attempts at a destination by all routes: first ones, retries and redeliveries. `throttled` asked to slow down, `held` refuses everything until a person mends it, `refused` is the message's fault."
    )
    public static let destinationMessages = counter(
        "sluice_destination_messages_total", [.destination],
        "Distinct messages that were attempted at a destination: what this process tries again is not counted again.")
    public static let destinationAmplification = gauge(
        "sluice_destination_amplification_ratio", [.destination],
        "Attempts for each distinct message in the last 5 minutes: 1 is perfect, 0 is none. Attempts without a new message count against one."
    )
    public static let destinationShut = gauge(
        "sluice_destination_shut",
        [.destination, Label("why", "what shut it", values: ["retry_after", "held"])],
        "1 while nothing is sent to a destination: until the time that it named, or because it refuses everything until a person mends it. Nothing is lost meanwhile."
    )
    public static let destinationNextAttempt = gauge(
        "sluice_destination_next_attempt_timestamp_seconds", [.destination],
        "When a destination is asked next, in seconds since 1970; 0 when nothing keeps an attempt from being made.")
    public static let destinationWaiting = gauge(
        "sluice_destination_waiting", [.destination],
        "Messages that wait for their next attempt at a destination; those queued behind them are not counted.")
    public static let destinationBudgetRemaining = gauge(
        "sluice_destination_budget_remaining_ratio", [.destination],
        "Share of a destination's retry budget that is left, which retries and redeliveries share.")
    public static let destinationHolds = counter(
        "sluice_destination_holds_total", [.destination, .reason],
        "Attempts after which a destination was held, by what it answered.")
    public static let destinationLastSuccess = gauge(
        "sluice_destination_last_success_timestamp_seconds", [.destination],
        "When an attempt at a destination last succeeded, in seconds since 1970; 0 before the first.")

    // Retry
    public static let retries = counter(
        "sluice_retries_total", [.handler, .reason], "Attempts after the first, by what made them necessary.")
    public static let retriesExhausted = counter(
        "sluice_retries_exhausted_total", [.handler, .reason],
        "Deliveries for which Retry gave up, by the last error, or `budget` when there was no budget for another attempt."
    )
    public static let retryBackoff = histogram(
        "sluice_retry_backoff_seconds", [.handler], buckets: Buckets.wait, "Time waited before each retry.")
    public static let retryMaxAttempts = gauge(
        "sluice_retry_max_attempts", [.handler], "Attempts that Retry makes at most.")
    public static let retryBudgetRemaining = gauge(
        "sluice_retry_budget_remaining_ratio", [.handler],
        "Deprecated: see sluice_destination_budget_remaining_ratio. Share of the retry budget that is left.")

    // Throttle
    public static let throttleWait = histogram(
        "sluice_throttle_wait_seconds", [.handler], buckets: Buckets.wait,
        "Time waited for a permit, 0 when there was one at once.")
    public static let throttleWaiting = gauge(
        "sluice_throttle_waiting", [.handler], "Messages that wait for a permit.")
    public static let throttlePermits = gauge(
        "sluice_throttle_permits_per_second", [.handler], "Permits a second that Throttle gives.")

    // Poison
    public static let poisoned = counter(
        "sluice_poisoned_total", [.handler, .reason], "Messages moved to a poison queue, by the error that moved them.")
    public static let poisonPublishFailures = counter(
        "sluice_poison_publish_failures_total", [.handler],
        "Messages that could not be moved to the poison queue and were rejected instead.")
    public static let poisonTruncated = counter(
        "sluice_poison_truncated_total", [.handler],
        "Messages of which the poison queue took only a part, because it can never take the whole.")
    public static let poisonNotKept = counter(
        "sluice_poison_not_kept_total", [.handler],
        "Messages that the poison queue can never take, not even cut down: acknowledged, and in no queue any more but where they came from."
    )
    public static let poisonQueueMessages = gauge(
        "sluice_poison_queue_messages", [.topic], "Messages in a poison queue.")
    public static let poisonOldestMessage = gauge(
        "sluice_poison_oldest_message_timestamp_seconds", [.topic],
        "When the oldest message of a poison queue was poisoned, in seconds since 1970; 0 when there is none.")

    // Deduplication
    public static let dedupChecks = counter(
        "sluice_dedup_checks_total",
        [.handler, Label("result", "what the store knew", values: ["fresh", "duplicate", "in_progress"])],
        "Messages looked up by Deduplicator.")
}
