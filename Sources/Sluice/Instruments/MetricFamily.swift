import Logging
import Synchronization

/// The series of one metric that differ in the values of their labels, made when a value comes up for the first time.
///
///     let orders = route.instruments.counter(
///         "orders_by_type_total", labels: [.handler, .init("type", cap: 50)], help: "Orders taken in, by type.")
///     orders.increment(order.type)
///
/// Values from outside are capped: each label has as many as its cap allows (100 unless it says so). One of these is
/// `other`, which stands for the rest. One that has not come up for 30 days is gone, or for a day when a new one needs its place. A series
/// that is made while the program runs starts at 0 (``ZeroFirst``). Where a label has ``Metric/Label/values``, these exist
/// at 0 from the start and any other is `other`.
///
/// Finding the series of a value costs a lookup under a lock. A family without open labels costs nothing.
public final class MetricFamily<Handle: Sendable>: Sendable {
    /// The labels whose values are given with each update, in this order.
    public let openLabels: [Metric.Label]

    private struct State: Sendable {
        /// Of each open label.
        var values: [LabelValues]
        var handles: [[String]: Handle] = [:]
        var swept: Int64
    }

    private let fixed: [(String, String)]
    private let kind: Kind
    private let now: @Sendable () -> Int64
    private let name: String
    private let instruments: Instruments
    private let hasComplained = Atomic<Bool>(false)
    /// Where no label is open.
    private let only: Handle?
    private let state: Mutex<State>

    /// How the series of this kind of metric are made and ended.
    struct Kind: Sendable {
        let make: @Sendable (_ labels: [(String, String)], _ startsAtZero: Bool) -> Handle
        let retire: @Sendable (Handle) -> Void
    }

    /// - Parameters:
    ///   - fixed: labels with one value in this family.
    ///   - known: values of the first open label whose series exist at 0 from the start, and for good.
    ///   - now: seconds of a clock that is never set.
    init(
        _ metric: Metric, fixed: [(String, String)], known: [String], in instruments: Instruments,
        now: @escaping @Sendable () -> Int64, _ kind: Kind
    ) {
        instruments.check(metric)
        let fixed = instruments.completing(fixed, for: metric)
        let open = metric.labels.filter { label in !fixed.contains { $0.0 == label.name } }
        openLabels = open
        self.fixed = fixed
        self.kind = kind
        self.now = now
        name = metric.name
        self.instruments = instruments
        only = open.isEmpty ? kind.make(fixed, false) : nil
        var state = State(values: open.map(LabelValues.init), swept: now())
        for value in known where open.count == 1 { state.values[0].keep(value) }
        for values in Self.combinations(open, known) {
            state.handles[values] = kind.make(fixed + Self.pairs(open, values), false)
        }
        self.state = Mutex(state)
        if !open.isEmpty { instruments.onRefresh(for: self) { [weak self] in self?.sweep() } }
    }

    /// The series of these values, in the order of ``openLabels``. Too few are completed by `other`, too many are left out, and
    /// the log says so once: nothing is lost.
    ///
    /// Its handle may be kept where none of the values is capped: one that has retired counts on and is not shown.
    public func labels(_ values: String...) -> Handle { handle(values) }

    /// The series of these values, in the order of ``openLabels``.
    func handle(_ values: [String]) -> Handle {
        if values.count != openLabels.count { complain(values.count) }
        if let only { return only }
        let now = now()
        return state.withLock { state in
            var shown: [String] = []
            shown.reserveCapacity(openLabels.count)
            for index in openLabels.indices {
                let admission = state.values[index].admit(
                    index < values.count ? values[index] : LabelValues.other, at: now)
                if let retired = admission.retired { retire(retired, of: index, &state) }
                shown.append(admission.shown)
            }
            if let known = state.handles[shown] { return known }
            let made = kind.make(fixed + Self.pairs(openLabels, shown), true)
            state.handles[shown] = made
            return made
        }
    }

    /// The mistake is the program's, and may be on the path of every message.
    private func complain(_ count: Int) {
        guard !hasComplained.exchange(true, ordering: .relaxed) else { return }
        instruments.logger.error(
            "a metric gets another number of values than it has open labels",
            metadata: [
                "metric": "\(name)", "labels": "\(openLabels.map(\.name).joined(separator: ", "))",
                "values": "\(count)",
            ])
    }

    /// Once an hour is often enough.
    private func sweep() {
        let now = now()
        state.withLock { state in
            guard now - state.swept >= 3_600 else { return }
            state.swept = now
            for index in state.values.indices {
                for value in state.values[index].expire(at: now) { retire(value, of: index, &state) }
            }
        }
    }

    private func retire(_ value: String, of label: Int, _ state: inout State) {
        for (values, handle) in state.handles where values[label] == value {
            state.handles[values] = nil
            kind.retire(handle)
        }
    }

    private static func pairs(_ labels: [Metric.Label], _ values: [String]) -> [(String, String)] {
        zip(labels, values).map { ($0.name, $1) }
    }

    /// Which series exist from the start: those of which every value is known.
    private static func combinations(_ labels: [Metric.Label], _ known: [String]) -> [[String]] {
        guard !labels.isEmpty else { return [] }
        if labels.count == 1, !known.isEmpty { return known.map { [$0] } }
        return labels.reduce([[]]) { combinations, label in
            combinations.flatMap { one in (label.values ?? []).map { one + [$0] } }
        }
    }
}

extension LabelValues {
    private static let day: Int64 = 86_400

    /// Those of a label from outside, or all that there are.
    fileprivate init(_ label: Metric.Label) {
        self.init(cap: label.values?.count ?? label.cap ?? 100, lifetime: 30 * Self.day, leastLifetime: Self.day)
        // Of the cap `other` is a part.
        if label.values == nil { keep(Self.other) }
        for value in label.values ?? [] { keep(value) }
    }
}

/// The counters of one metric.
public typealias CounterFamily = MetricFamily<CounterHandle>
/// The gauges of one metric.
public typealias GaugeFamily = MetricFamily<GaugeHandle>
/// The histograms of one metric.
public typealias HistogramFamily = MetricFamily<HistogramHandle>

extension MetricFamily where Handle == CounterHandle {
    /// Counts, where there is no open label.
    public func increment(by amount: Int64 = 1) { handle([]).increment(by: amount) }

    /// Counts, for this value of the one open label.
    public func increment(_ value: String, by amount: Int64 = 1) { handle([value]).increment(by: amount) }
}

extension MetricFamily where Handle == GaugeHandle {
    /// Where there is no open label.
    public func set(_ value: Double) { handle([]).set(value) }
}

extension MetricFamily where Handle == HistogramHandle {
    /// Where there is no open label.
    /// - Parameters:
    ///   - value: in the metric's unit.
    ///   - correlationID: kept as the bucket's exemplar where the backend has exemplars.
    public func observe(_ value: Double, correlationID: String? = nil) {
        handle([]).observe(value, correlationID: correlationID)
    }
}
