import Synchronization

/// The handles to a circuit breaker's metrics.
final class BreakerMeter: Sendable {
    private let states: [BreakerBook.State: GaugeHandle]
    private let transitions: [BreakerBook.State: CounterHandle]
    private let pushed = Mutex<[BreakerBook.State: Int64]>([:])

    init(_ label: (String, String), _ instruments: Instruments) {
        states = Dictionary(
            uniqueKeysWithValues: BreakerBook.State.allCases.map {
                ($0, instruments.gauge(.breakerState, [label, ("state", $0.rawValue)]))
            })
        transitions = Dictionary(
            uniqueKeysWithValues: BreakerBook.State.allCases.map {
                ($0, instruments.counter(.breakerTransitions, [label, ("to", $0.rawValue)]))
            })
    }

    func push(_ figures: Breaker.Figures) {
        for (state, gauge) in states { gauge.set(figures.force != nil && figures.state == state ? 1 : 0) }
        pushed.withLock { pushed in
            for (state, counter) in transitions {
                counter.increment(by: (figures.transitions[state] ?? 0) - (pushed[state] ?? 0))
            }
            pushed = figures.transitions
        }
    }
}

extension Metric {
    static let breakerArea = Area(
        "Circuit breakers", "For each destination. One without a circuit breaker is in no state.",
        [breakerState, breakerTransitions])

    public static let breakerState = gauge(
        "sluice_circuit_breaker_state",
        labels: [.destination, Label("state", "the state", values: BreakerBook.State.allCases.map(\.rawValue))],
        help:
            "1 for the state that a destination's circuit breaker is in, 0 for the others: while it is `open` nothing is sent, while it is `half_open` probes find out whether the destination works again."
    )
    public static let breakerTransitions = counter(
        "sluice_circuit_breaker_transitions_total",
        labels: [
            .destination, Label("to", "the state it came to", values: BreakerBook.State.allCases.map(\.rawValue)),
        ],
        help: "How often a destination's circuit breaker has come to a state.")
}
