import Synchronization

/// The handles to a destination's metrics. What its books count is pushed into them when somebody looks.
final class DestinationMeter: Sendable {
    private struct Pushed: Sendable {
        var figures = DestinationBooks.Figures()
        var window = AmplificationWindow()
    }

    let holds: LabelledCounters
    private let attempts: [AttemptResult: CounterHandle]
    private let messages: CounterHandle
    private let amplification: GaugeHandle
    private let shutByTime: GaugeHandle
    private let held: GaugeHandle
    private let nextAttempt: GaugeHandle
    private let waiting: GaugeHandle
    private let remaining: GaugeHandle
    private let lastSuccess: GaugeHandle
    private let pushed = Mutex(Pushed())

    init(_ destination: Destination, _ instruments: Instruments) {
        let label = destination.label
        holds = LabelledCounters(
            instruments, .destinationHolds, [label], label: "reason", known: ["other"]
        ) { [clock = destination.clock] in clock.now.seconds }
        attempts = Dictionary(
            uniqueKeysWithValues: AttemptResult.allCases.map {
                ($0, instruments.counter(.destinationAttempts, [label, ("result", $0.rawValue)]))
            })
        messages = instruments.counter(.destinationMessages, [label])
        amplification = instruments.gauge(.destinationAmplification, [label])
        shutByTime = instruments.gauge(.destinationShut, [label, ("why", "retry_after")])
        held = instruments.gauge(.destinationShut, [label, ("why", "held")])
        nextAttempt = instruments.gauge(.destinationNextAttempt, [label])
        waiting = instruments.gauge(.destinationWaiting, [label])
        remaining = instruments.gauge(.destinationBudgetRemaining, [label])
        lastSuccess = instruments.gauge(.destinationLastSuccess, [label])
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
        shutByTime.set(status.shut?.isHeld == false ? 1 : 0)
        held.set(status.shut?.isHeld == true ? 1 : 0)
        nextAttempt.set(status.nextAttempt.map(\.seconds) ?? 0)
        waiting.set(Double(status.waiting))
        remaining.set(status.budgetRemaining)
        lastSuccess.set(status.lastSuccess.map(\.seconds) ?? 0)
    }
}

/// Attempts and distinct messages of about the last five minutes, as far as anybody has looked.
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
