import Synchronization

/// The counters of a metric whose last label comes from outside: as many values as the catalogue allows are told
/// apart, the rest is counted as `other`. For the paths of failure only; it looks up by name. A value that comes up for
/// the first time starts at 0 (``ZeroFirst``); one that has not come up for 30 days is gone, or for a day when a new one
/// needs its place.
package final class LabelledCounters: Sendable {
    private struct State: Sendable {
        var values: LabelValues
        var counters: [String: CounterHandle] = [:]
        var swept: Int64
    }

    private static let day: Int64 = 86_400

    private let instruments: Instruments
    private let metric: Metric
    private let fixed: [(String, String)]
    private let label: String
    private let now: @Sendable () -> Int64
    private let state: Mutex<State>

    /// - Parameters:
    ///   - known: values whose counters exist at 0 from the start, and for good.
    ///   - now: seconds of a clock that is never set.
    package init(
        _ instruments: Instruments, _ metric: Metric, _ fixed: [(String, String)] = [], label: String,
        known: [String] = [], now: @escaping @Sendable () -> Int64 = { MonotonicTime.now().seconds }
    ) {
        self.instruments = instruments
        self.metric = metric
        self.fixed = fixed
        self.label = label
        self.now = now
        let cap = metric.labels.first { $0.name == label }?.cap ?? 100
        var values = LabelValues(cap: cap, lifetime: 30 * Self.day, leastLifetime: Self.day)
        // Of the cap `other` is a part.
        values.keep(LabelValues.other)
        var counters: [String: CounterHandle] = [:]
        for value in known {
            values.keep(value)
            counters[value] = instruments.counter(metric, fixed + [(label, value)])
        }
        state = Mutex(State(values: values, counters: counters, swept: now()))
        instruments.onRefresh(for: self) { [weak self] in self?.sweep() }
    }

    /// Those of a route, which its time and label come from.
    package convenience init(_ route: RouteScope, _ metric: Metric, label: String, known: [String] = []) {
        self.init(route.instruments, metric, [route.label], label: label, known: known) { [time = route.time] in
            time.now.seconds
        }
    }

    package func increment(_ value: String) {
        let now = now()
        let counter = state.withLock { state in
            let admission = state.values.admit(value, at: now)
            if let retired = admission.retired { retire(retired, &state) }
            if let known = state.counters[admission.shown] { return known }
            let made = instruments.counter(metric, fixed + [(label, admission.shown)], startsAtZero: true)
            state.counters[admission.shown] = made
            return made
        }
        counter.increment()
    }

    /// Once an hour is often enough.
    private func sweep() {
        let now = now()
        state.withLock { state in
            guard now - state.swept >= 3_600 else { return }
            state.swept = now
            for value in state.values.expire(at: now) { retire(value, &state) }
        }
    }

    private func retire(_ value: String, _ state: inout State) {
        if let counter = state.counters.removeValue(forKey: value) { instruments.retire(counter) }
    }
}
