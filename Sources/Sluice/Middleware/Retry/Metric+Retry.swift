extension Metric {
    static let retryArea = Area(
        "Retry", "For routes with the middleware Retry.",
        [retries, retriesExhausted, retryBackoff, retryMaxAttempts, retryBudgetRemaining])

    public static let retries = counter(
        "sluice_retries_total",
        labels: [.handler, .reason],
        help: "Attempts after the first, by what made them necessary.")
    public static let retriesExhausted = counter(
        "sluice_retries_exhausted_total",
        labels: [.handler, .reason],
        help:
            "Deliveries for which Retry gave up, by the last error, or `budget` when there was no budget for another attempt."
    )
    public static let retryBackoff = histogram(
        "sluice_retry_backoff_seconds",
        labels: [.handler],
        buckets: Buckets.wait,
        help: "Time waited before each retry.")
    public static let retryMaxAttempts = gauge(
        "sluice_retry_max_attempts",
        labels: [.handler],
        help: "Attempts that Retry makes at most.")
    public static let retryBudgetRemaining = gauge(
        "sluice_retry_budget_remaining_ratio",
        labels: [.handler],
        help: "Deprecated: see sluice_destination_budget_remaining_ratio. Share of the retry budget that is left.")
}
