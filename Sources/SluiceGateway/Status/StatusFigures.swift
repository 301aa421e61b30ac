import Sluice
import SluiceHTTP
import SluicePrometheus

/// The numbers of `/metrics` that the snapshot shows, found by the label that tells their boxes apart.
struct StatusFigures: Sendable {
    private let samples: [String: [String: [PrometheusRegistry.Sample]]]

    /// Which label tells a metric's boxes apart.
    private static let keys: [(metric: Metric, label: String)] = [
        (.deliveries, "handler_name"), (.deliveriesInFlight, "handler_name"),
        (.deliveriesInFlightLimit, "handler_name"), (.messagesReceived, "handler_name"), (.poisoned, "handler_name"),
        (.messagesPublished, "topic"), (.consumerLag, "handler_name"), (.oldestPending, "handler_name"),
        (.httpRequests, "route"), (.poisonQueueMessages, "topic"), (.poisonOldestMessage, "topic"),
        (.destinationPermits, "destination"),
        (.destinationConcurrencyLimit, "destination"), (.destinationConcurrencyInUse, "destination"),
        (.breakerState, "destination"),
    ]

    init(_ registry: PrometheusRegistry) {
        let all = registry.samples(of: Set(Self.keys.map(\.metric.name)))
        var grouped: [String: [String: [PrometheusRegistry.Sample]]] = [:]
        for (metric, label) in Self.keys {
            grouped[metric.name] = Dictionary(grouping: all[metric.name] ?? []) { $0[label] ?? "" }
        }
        samples = grouped
    }

    func all(_ metric: Metric, of box: String) -> [PrometheusRegistry.Sample] { samples[metric.name]?[box] ?? [] }

    /// - Parameter matches: which of the box's series count. Default: all.
    func sum(
        _ metric: Metric, of box: String, where matches: (PrometheusRegistry.Sample) -> Bool = { _ in true }
    ) -> Int64 {
        Int64(saturating: all(metric, of: box).reduce(0) { matches($1) ? $0 + $1.value : $0 })
    }

    /// Nil where the box has no such series.
    func value(
        _ metric: Metric, of box: String, where matches: (PrometheusRegistry.Sample) -> Bool = { _ in true }
    ) -> Double? {
        all(metric, of: box).first(where: matches)?.value
    }

    /// What the values of a label count, those that are 0 left out; the most first.
    func counts(_ metric: Metric, of box: String, by label: String) -> [Snapshot.Count] {
        var counts: [String: Double] = [:]
        for sample in all(metric, of: box) where sample.value > 0 {
            counts[sample[label] ?? "", default: 0] += sample.value
        }
        return counts.map { Snapshot.Count($0.key, Int64(saturating: $0.value)) }
            .sorted { ($1.count, $0.name) < ($0.count, $1.name) }
    }

    /// Every box that a metric has.
    func boxes(_ metric: Metric) -> [String] { samples[metric.name].map { $0.keys.sorted() } ?? [] }
}

extension Int64 {
    /// Anything that is no number is 0.
    init(saturating value: Double) {
        self = value.isNaN ? 0 : Int64(exactly: value.rounded()) ?? (value > 0 ? .max : .min)
    }
}
