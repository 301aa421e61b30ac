/// The handles to the metrics of a destination's limits.
struct DestinationLimitMeter: Sendable {
    /// What an attempt waits for.
    enum Limit: String, Sendable, CaseIterable {
        case throttle, concurrency
    }

    private struct Line: Sendable {
        let waited: HistogramHandle
        let waiting: GaugeHandle

        init(_ limit: Limit, _ label: (String, String), _ instruments: Instruments) {
            let labels = [label, ("limit", limit.rawValue)]
            waited = instruments.histogram(.destinationLimitWait, labels)
            waiting = instruments.gauge(.destinationLimitWaiting, labels)
        }
    }

    private let throttle: Line
    private let concurrency: Line
    private let permits: GaugeHandle
    private let slots: GaugeHandle
    private let inUse: GaugeHandle

    init(_ label: (String, String), _ instruments: Instruments) {
        throttle = Line(.throttle, label, instruments)
        concurrency = Line(.concurrency, label, instruments)
        permits = instruments.gauge(.destinationPermits, [label])
        slots = instruments.gauge(.destinationConcurrencyLimit, [label])
        inUse = instruments.gauge(.destinationConcurrencyInUse, [label])
    }

    func push(_ destination: Destination) {
        let figures = destination.slots.read()
        permits.set(destination.throttle.rate ?? 0)
        slots.set(Double(figures.limit ?? 0))
        inUse.set(Double(figures.inUse))
        throttle.waiting.set(Double(destination.throttle.waiting))
        concurrency.waiting.set(Double(figures.waiting))
    }

    /// An attempt has waited so long.
    func note(_ nanoseconds: UInt64, for limit: Limit) {
        switch limit {
        case .throttle: throttle.waited.observe(nanoseconds: nanoseconds)
        case .concurrency: concurrency.waited.observe(nanoseconds: nanoseconds)
        }
    }
}

extension Metric {
    static let destinationLimitsArea = Area(
        "Limits of destinations", "For each destination. One without a limit shows 0.",
        [
            destinationLimitWait, destinationLimitWaiting, destinationPermits, destinationConcurrencyLimit,
            destinationConcurrencyInUse,
        ])

    private static let limit = Label(
        "limit", "what is waited for", values: DestinationLimitMeter.Limit.allCases.map(\.rawValue))

    public static let destinationLimitWait = histogram(
        "sluice_destination_limit_wait_seconds",
        labels: [.destination, limit],
        buckets: Buckets.wait,
        help: "Time that attempts waited for a permit or a slot of their destination, 0 when there was one at once.")
    public static let destinationLimitWaiting = gauge(
        "sluice_destination_limit_waiting",
        labels: [.destination, limit],
        help: "Messages that wait for a permit or a slot of their destination.")
    public static let destinationPermits = gauge(
        "sluice_destination_throttle_permits_per_second",
        labels: [.destination],
        help:
            "Attempts a second that a destination's throttle allows now: fewer than its rate after the destination has asked to slow down. 0 where nothing is throttled."
    )
    public static let destinationConcurrencyLimit = gauge(
        "sluice_destination_concurrency_limit",
        labels: [.destination],
        help: "Attempts that a destination gets at once at most, by its policy of now; 0 where there is no bound.")
    public static let destinationConcurrencyInUse = gauge(
        "sluice_destination_concurrency_in_use",
        labels: [.destination],
        help: "Attempts that are under way at a destination that has a limit.")
}
