import Synchronization

/// The counters of a metric whose last label comes from outside: as many values as the catalogue allows are told
/// apart, the rest is counted as `other`. For the paths of failure only; it looks up by name. A value that comes up for
/// the first time is shown at 0 before it counts (``NewSeries``).
package final class LabelledCounters: Sendable {
    private let instruments: Instruments
    private let metric: Metric
    private let fixed: [(String, String)]
    private let label: String
    private let cap: Int
    private let counters = Mutex<[String: LateCounter]>([:])

    /// - Parameter known: values whose counters exist at 0 from the start.
    package init(
        _ instruments: Instruments, _ metric: Metric, _ fixed: [(String, String)] = [], label: String,
        known: [String] = []
    ) {
        self.instruments = instruments
        self.metric = metric
        self.fixed = fixed
        self.label = label
        cap = metric.labels.first { $0.name == label }?.cap ?? 100
        for value in known { _ = counter(value, isKnown: true) }
    }

    package func increment(_ value: String) {
        counter(value).increment()
    }

    private func counter(_ value: String, isKnown: Bool = false) -> LateCounter {
        counters.withLock { counters in
            if let known = counters[value] { return known }
            let shown = counters.count < cap ? value : "other"
            if shown != value, let other = counters[shown] { return other }
            let made = LateCounter(instruments, metric, fixed + [(label, shown)], isKnown: isKnown)
            counters[shown] = made
            return made
        }
    }
}
