extension Instruments {
    /// A custom counter.
    ///
    /// Make it when a route is built (in `Middleware.wrap`), or once for the program, never for each message.
    /// - Parameters:
    ///   - name: as Prometheus wants it: letters, digits, `_`, and `_total` at the end. The log says where another would be shown
    ///     changed.
    ///   - labels: in a route's instruments ``Metric/Label/handler`` has the route's name; the values of the rest are given
    ///     with each update.
    ///   - help: one sentence that says what is counted.
    public func counter(_ name: String, labels: [Metric.Label] = [], help: String) -> CounterFamily {
        counters(.counter(name, labels: labels, help: help))
    }

    /// A custom gauge. As for a counter; the name ends in its unit, if it has one.
    public func gauge(_ name: String, labels: [Metric.Label] = [], help: String) -> GaugeFamily {
        gauges(.gauge(name, labels: labels, help: help))
    }

    /// A custom histogram. As for a counter; the name ends in its unit, such as `_seconds` or `_bytes`.
    /// - Parameters:
    ///   - name: unique in the program.
    ///   - labels: those whose values come up with each update.
    ///   - buckets: the upper bounds, ascending, without `+Inf`, such as `Metric.Buckets.publish`.
    ///   - help: what `/metrics` says of it.
    public func histogram(
        _ name: String, labels: [Metric.Label] = [], buckets: [Double], help: String
    ) -> HistogramFamily {
        histograms(.histogram(name, labels: labels, buckets: buckets, help: help))
    }

    /// The counters of a declared metric.
    /// - Parameters:
    ///   - metric: a counter.
    ///   - labels: with one value for all of them; the others are given with each update.
    ///   - known: values of the open label whose series exist at 0 from the start, and for good. Default: those that the
    ///     label lists.
    public func counters(
        _ metric: Metric, _ labels: [(String, String)] = [], known: [String] = []
    ) -> CounterFamily {
        counters(metric, labels, known: known, now: seconds)
    }

    /// The gauges of a declared metric.
    public func gauges(_ metric: Metric, _ labels: [(String, String)] = []) -> GaugeFamily {
        GaugeFamily(
            metric, fixed: labels, known: [], in: self, now: seconds,
            .init(make: { [self] labels, _ in gauge(metric, labels) }, retire: { [self] in retire($0) }))
    }

    /// The histograms of a declared metric.
    public func histograms(_ metric: Metric, _ labels: [(String, String)] = []) -> HistogramFamily {
        HistogramFamily(
            metric, fixed: labels, known: [], in: self, now: seconds,
            .init(
                make: { [self] in histogram(metric, $0, startsAtZero: $1) }, retire: { [self] in retire($0) }))
    }

    func counters(
        _ metric: Metric, _ labels: [(String, String)] = [], known: [String] = [],
        now: @escaping @Sendable () -> Int64
    ) -> CounterFamily {
        CounterFamily(
            metric, fixed: labels, known: known, in: self, now: now,
            .init(make: { [self] in counter(metric, $0, startsAtZero: $1) }, retire: { [self] in retire($0) }))
    }

    private var seconds: @Sendable () -> Int64 {
        { [time] in time.now.seconds }
    }
}
