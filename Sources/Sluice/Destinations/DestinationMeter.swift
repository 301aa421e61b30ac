import Synchronization

/// The handles to a destination's metrics. What its books count is pushed into them when they are read.
final class DestinationMeter: Sendable {
    private struct Pushed: Sendable {
        var figures = DestinationBooks.Figures()
        var window = AmplificationWindow()
    }

    let holds: CounterFamily
    private let attempts: [AttemptResult: CounterHandle]
    private let messages: CounterHandle
    private let amplification: GaugeHandle
    private let shut: [Destination.Status.Shut.Why: GaugeHandle]
    private let breaker: BreakerMeter
    private let nextAttempt: GaugeHandle
    private let waiting: GaugeHandle
    private let remaining: GaugeHandle
    private let lastSuccess: GaugeHandle
    let limits: DestinationLimitMeter
    private let pushed = Mutex(Pushed())

    init(_ destination: Destination, _ instruments: Instruments) {
        let label = destination.label
        holds = instruments.counters(
            .destinationHolds, [label], known: ["other"], now: { [clock = destination.clock] in clock.now.seconds })
        attempts = Dictionary(
            uniqueKeysWithValues: AttemptResult.allCases.map {
                ($0, instruments.counter(.destinationAttempts, [label, ("result", $0.rawValue)]))
            })
        messages = instruments.counter(.destinationMessages, [label])
        amplification = instruments.gauge(.destinationAmplification, [label])
        shut = Dictionary(
            uniqueKeysWithValues: Destination.Status.Shut.Why.allCases.map {
                ($0, instruments.gauge(.destinationShut, [label, ("why", $0.rawValue)]))
            })
        breaker = BreakerMeter(label, instruments)
        nextAttempt = instruments.gauge(.destinationNextAttempt, [label])
        waiting = instruments.gauge(.destinationWaiting, [label])
        remaining = instruments.gauge(.destinationBudgetRemaining, [label])
        lastSuccess = instruments.gauge(.destinationLastSuccess, [label])
        limits = DestinationLimitMeter(label, instruments)
    }

    /// Brings the metrics up to what the books say.
    func push(_ destination: Destination) {
        let status = destination.status
        let figures = destination.books.read()
        let now = destination.clock.now
        pushed.withLock { pushed in
            for (result, counter) in attempts {
                counter.increment(by: (figures.attempts[result] ?? 0) - (pushed.figures.attempts[result] ?? 0))
            }
            messages.increment(by: figures.messages - pushed.figures.messages)
            amplification.set(
                pushed.window.add(attempts: figures.attemptsInAll, messages: figures.messages, at: now))
            pushed.figures = figures
        }
        for (why, gauge) in shut { gauge.set(status.shut?.why == why ? 1 : 0) }
        breaker.push(destination.breaker.read())
        limits.push(destination)
        nextAttempt.set(status.nextAttempt.map(\.seconds) ?? 0)
        waiting.set(Double(status.waiting))
        remaining.set(status.budgetRemaining)
        lastSuccess.set(status.lastSuccess.map(\.seconds) ?? 0)
    }
}

/// Attempts and distinct messages of about the last five minutes, as of the last look.
struct AmplificationWindow: Sendable {
    private struct Sample {
        let time: MonotonicTime
        let attempts: Int64
        let messages: Int64
    }

    private static let length = Duration.seconds(300)
    /// No two samples are nearer, so that frequent scrapes store no more.
    private static let step = Duration.seconds(5)

    private var samples = [Sample(time: MonotonicTime(nanoseconds: 0), attempts: 0, messages: 0)]

    /// - Returns: attempts for each distinct message; 0 when there were none. Attempts without a new message, redeliveries
    ///   all of them, count against one.
    mutating func add(attempts: Int64, messages: Int64, at now: MonotonicTime) -> Double {
        let begin = MonotonicTime(nanoseconds: now.nanoseconds.subtractingSaturated(Self.length.wholeNanoseconds))
        // The newest of those before the window says what there was when it began.
        while samples.count > 1, samples[1].time <= begin { samples.removeFirst() }
        if let last = samples.last, last.time.advanced(by: Self.step) <= now {
            samples.append(Sample(time: now, attempts: attempts, messages: messages))
        }
        guard let first = samples.first else { return 0 }
        let (more, distinct) = (attempts - first.attempts, messages - first.messages)
        return more > 0 ? Double(more) / Double(max(distinct, 1)) : 0
    }
}

extension Timestamp {
    /// In seconds since 1970, for metrics.
    fileprivate var seconds: Double { Double(millisecondsSince1970) / 1_000 }
}

extension Metric {
    static let destinationArea = Area(
        "Destinations",
        "For each outside system that routes deliver to: those that have a name, and those of routes with the middleware Retry, which have the route's.",
        [
            destinationAttempts, destinationMessages, destinationAmplification, destinationShut,
            destinationNextAttempt, destinationWaiting, destinationBudgetRemaining, destinationHolds,
            destinationLastSuccess,
        ])

    public static let destinationAttempts = counter(
        "sluice_destination_attempts_total",
        labels: [
            .destination,
            Label("result", "how the attempt ended", values: AttemptResult.allCases.map(\.rawValue)),
        ],
        help:
            "Attempts at a destination by all routes: first ones, retries and redeliveries. `throttled` asked to slow down, `held` refuses everything until a person mends it, `refused` is the message's fault."
    )
    public static let destinationMessages = counter(
        "sluice_destination_messages_total",
        labels: [.destination],
        help:
            "Distinct messages that were attempted at a destination: what this process tries again is not counted again."
    )
    public static let destinationAmplification = gauge(
        "sluice_destination_amplification_ratio",
        labels: [.destination],
        help:
            "Attempts for each distinct message in the last 5 minutes: 1 is perfect, 0 is none. Attempts without a new message count against one. A process knows only what it has attempted itself: what is delivered again after a restart counts as new, or against one message."
    )
    public static let destinationShut = gauge(
        "sluice_destination_shut",
        labels: [
            .destination, Label("why", "what shut it", values: Destination.Status.Shut.Why.allCases.map(\.rawValue)),
        ],
        help:
            "1 while nothing is sent to a destination: until the time that it named, because it refuses everything until a person mends it, or because its circuit breaker is not closed. Nothing is lost meanwhile."
    )
    public static let destinationNextAttempt = gauge(
        "sluice_destination_next_attempt_timestamp_seconds",
        labels: [.destination],
        help:
            "When a destination is asked next, in seconds since 1970; 0 when nothing keeps an attempt from being made.")
    public static let destinationWaiting = gauge(
        "sluice_destination_waiting",
        labels: [.destination],
        help: "Messages that wait for their next attempt at a destination; those queued behind them are not counted.")
    public static let destinationBudgetRemaining = gauge(
        "sluice_destination_budget_remaining_ratio",
        labels: [.destination],
        help: "Share of a destination's retry budget that is left, which retries and redeliveries share.")
    public static let destinationHolds = counter(
        "sluice_destination_holds_total",
        labels: [.destination, .reason],
        help: "Attempts after which a destination was held, by what it answered.")
    public static let destinationLastSuccess = gauge(
        "sluice_destination_last_success_timestamp_seconds",
        labels: [.destination],
        help: "When an attempt at a destination last succeeded, in seconds since 1970; 0 before the first.")
}
