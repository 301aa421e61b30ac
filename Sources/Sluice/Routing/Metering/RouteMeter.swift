import Synchronization

/// The handles to a route's metrics.
///
/// What the ledger counts is not counted a second time here: its sums are pushed into their counters when they
/// are read.
final class RouteMeter: Sendable {
    private let queue: HistogramHandle
    private let throttle: HistogramHandle
    private let breaker: HistogramHandle
    private let concurrency: HistogramHandle
    private let backoff: HistogramHandle
    private let handler: HistogramHandle
    private let publish: HistogramHandle
    private let attemptSucceeded: HistogramHandle
    private let attemptFailed: HistogramHandle
    private let attempts: [HistogramHandle]
    private let received: CounterHandle
    private let redeliveries: CounterHandle
    private let acked: CounterHandle
    private let nacked: CounterHandle
    private let outcomes: [CounterHandle]
    private let inFlight: GaugeHandle
    private let unaccounted: GaugeHandle
    private let paused: GaugeHandle
    private let lifecycle: RouteLifecycle
    private let pushed = Mutex(FlowLedger.Books())

    init(_ scope: RouteScope) {
        let instruments = scope.instruments
        func stage(_ stage: DeliveryStage) -> HistogramHandle {
            instruments.histogram(.deliveryStage, [scope.label, ("stage", stage.rawValue)])
        }
        queue = stage(.queue)
        throttle = stage(.throttle)
        breaker = stage(.breaker)
        concurrency = stage(.concurrency)
        backoff = stage(.backoff)
        handler = stage(.handler)
        publish = stage(.publish)
        attemptSucceeded = instruments.histogram(.handlerAttemptDuration, [scope.label, ("result", "success")])
        attemptFailed = instruments.histogram(.handlerAttemptDuration, [scope.label, ("result", "failure")])
        // In the order in which the ledger has them.
        let outcomes = DeliveryOutcome.allCases.sorted { $0.index < $1.index }.map {
            [scope.label, ("outcome", $0.rawValue)]
        }
        attempts = outcomes.map { instruments.histogram(.deliveryAttempts, $0) }
        self.outcomes = outcomes.map { instruments.counter(.deliveries, $0) }
        received = instruments.counter(.messagesReceived, [scope.label])
        redeliveries = instruments.counter(.redeliveries, [scope.label])
        let watermill = [scope.label, ("subscriber_name", scope.subscriberName)]
        acked = instruments.counter(.subscriberMessagesReceived, watermill + [("acked", "acked")])
        nacked = instruments.counter(.subscriberMessagesReceived, watermill + [("acked", "nacked")])
        inFlight = instruments.gauge(.deliveriesInFlight, [scope.label])
        unaccounted = instruments.gauge(.unaccountedMessages, [scope.label])
        paused = instruments.gauge(.routePaused, [scope.label])
        lifecycle = scope.lifecycle
        instruments.gauge(.deliveriesInFlightLimit, [scope.label]).set(Double(scope.concurrency))
    }

    func register(with instruments: Instruments, ledger: FlowLedger) {
        instruments.onRefresh(for: self) { [weak self] in self?.push(ledger) }
    }

    func attempted(_ delivery: Delivery, from start: MonotonicTime, to end: MonotonicTime, succeeded: Bool) {
        (succeeded ? attemptSucceeded : attemptFailed).observe(
            nanoseconds: end.nanoseconds(since: start), traceID: delivery.trace.span?.traceID)
    }

    /// Books where the delivery's time went. Stages that took none are left out: their sums stay the same.
    func settled(_ parcel: DeliveryProcessor.Parcel, _ outcome: DeliveryOutcome, at end: MonotonicTime) {
        queue.observe(nanoseconds: parcel.start.nanoseconds(since: parcel.delivery.arrival))
        var rest = end.nanoseconds(since: parcel.start)
        book(parcel.delivery.trace.nanoseconds(in: .throttle), to: throttle, from: &rest)
        book(parcel.delivery.trace.nanoseconds(in: .breaker), to: breaker, from: &rest)
        book(parcel.delivery.trace.nanoseconds(in: .concurrency), to: concurrency, from: &rest)
        book(parcel.delivery.trace.nanoseconds(in: .backoff), to: backoff, from: &rest)
        book(parcel.delivery.trace.nanoseconds(in: .publish), to: publish, from: &rest)
        handler.observe(nanoseconds: rest)
        attempts[outcome.index].observe(Double(parcel.delivery.trace.attempts))
    }

    private func book(_ nanoseconds: UInt64, to stage: HistogramHandle, from rest: inout UInt64) {
        let spent = min(rest, nanoseconds)
        guard spent > 0 else { return }
        stage.observe(nanoseconds: spent)
        rest -= spent
    }

    /// Brings the counters up to what the books say.
    func push(_ ledger: FlowLedger) {
        pushed.withLock { pushed in
            let books = ledger.read()
            received.increment(by: books.received - pushed.received)
            redeliveries.increment(by: books.redeliveries - pushed.redeliveries)
            for outcome in DeliveryOutcome.allCases {
                let more = books.settled(outcome) - pushed.settled(outcome)
                outcomes[outcome.index].increment(by: more)
                switch outcome {
                case .acked, .poisoned, .discarded, .deduplicated, .filtered: acked.increment(by: more)
                case .rejected: nacked.increment(by: more)
                // The broker was told neither.
                case .revoked, .handedBack: break
                }
            }
            inFlight.set(Double(books.inFlight))
            unaccounted.set(Double(books.unaccounted))
            paused.set(lifecycle.isPaused ? 1 : 0)
            pushed = books
        }
    }
}

extension Metric {
    static let watermillArea = Area(
        "Watermill's",
        "Watermill's three families, with its names, labels and buckets, so that its own dashboard works unchanged.",
        [subscriberMessagesReceived, handlerExecutionTime, publishTime])

    static let flowArea = Area(
        "Flow", "What goes in and out of every route.",
        [
            messagesReceived, messagesPublished, deliveries, redeliveries, deliveriesInFlight,
            deliveriesInFlightLimit, unaccountedMessages, routePaused,
        ])

    static let attemptsArea = Area(
        "Time and attempts", "Where each delivery's time went.",
        [deliveryStage, handlerAttemptDuration, deliveryAttempts])

    public static let subscriberMessagesReceived = counter(
        "subscriber_messages_received_total",
        labels: [
            .handler, Label("subscriber_name", "the kind of subscriber"),
            Label("acked", "how it was settled", values: ["acked", "nacked"]),
        ],
        help: "Messages settled, by route and by how they were settled.")
    public static let messagesReceived = counter(
        "sluice_messages_received_total",
        labels: [.handler],
        help: "Deliveries taken in by a route, redeliveries included.")
    public static let deliveries = counter(
        "sluice_deliveries_total",
        labels: [.handler, .outcome],
        help: "Deliveries settled, by outcome.")
    public static let redeliveries = counter(
        "sluice_redeliveries_total",
        labels: [.handler],
        help: "Deliveries that were not the message's first.")
    public static let deliveriesInFlight = gauge(
        "sluice_deliveries_in_flight",
        labels: [.handler],
        help: "Deliveries taken in and not yet settled.")
    public static let deliveriesInFlightLimit = gauge(
        "sluice_deliveries_in_flight_limit",
        labels: [.handler],
        help: "How many deliveries the route's ordering handles at once.")
    public static let unaccountedMessages = gauge(
        "sluice_unaccounted_messages",
        labels: [.handler],
        help: "Received less settled less in flight. Always 0; anything else is a bug.")
    public static let routePaused = gauge(
        "sluice_route_paused",
        labels: [.handler],
        help: "1 while a person has paused the route: it is subscribed, and attempts nothing until it is resumed.")
    public static let deliveryStage = histogram(
        "sluice_delivery_stage_seconds",
        labels: [.handler, Label("stage", "the part of the delivery", values: DeliveryStage.allCases.map(\.rawValue))],
        buckets: Buckets.stage,
        help: "Where a settled delivery spent its time. The sums over the stages are the deliveries' whole time.")
    public static let handlerAttemptDuration = histogram(
        "sluice_handler_attempt_duration_seconds",
        labels: [.handler, Label("result", "how the attempt ended", values: ["success", "failure"])],
        buckets: Buckets.stage,
        help: "Time of each attempt: the handler, and the publish of what it returned.")
    public static let deliveryAttempts = histogram(
        "sluice_delivery_attempts",
        labels: [.handler, .outcome],
        buckets: Buckets.attempts,
        help: "Attempts that a delivery took until it was settled.")
}
