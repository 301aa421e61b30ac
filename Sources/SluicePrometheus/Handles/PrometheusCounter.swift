public import CoreMetrics

/// Counts one series of a counter family; both of swift-metrics' counters are made of it.
///
/// An increment is one atomic addition and takes no lock. Negative amounts and NaN are ignored, since a counter never
/// falls. Whole increments are counted exactly up to 2^64, where they wrap, which Prometheus reads as a restart.
public final class PrometheusCounter: CounterHandler, FloatingPointCounterHandler {
    private enum Cell {
        static let whole = 0
        static let fraction = 1
        static let floor = 2
        static let count = 3
    }

    let identity: SeriesIdentity
    private let cells = Cells(count: Cell.count, striped: true)
    private let exemplars = ExemplarSlots(count: 1)
    let birth = Birth()

    init(_ identity: SeriesIdentity) {
        self.identity = identity
    }

    public func increment(by amount: Int64) {
        guard amount > 0 else { return }
        cells.add(UInt64(amount), to: Cell.whole, in: cells.stripe)
    }

    public func increment(by amount: Double) {
        guard amount > 0 else { return }
        cells.accumulate(amount, to: Cell.fraction, in: cells.stripe)
    }

    /// Increments, and leaves a trace of it in OpenMetrics expositions.
    /// - Parameters:
    ///   - amount: 0 or more.
    ///   - exemplarLabel: such as `trace_id`.
    ///   - exemplarValue: such as the trace's id. Dropped when it has control characters, quotes, or backslashes, or when
    ///     it exceeds 128 characters together with the label. At most one exemplar is taken in 100 ms.
    public func increment(by amount: Int64, exemplarLabel: String, exemplarValue: String) {
        guard amount > 0 else { return }
        cells.add(UInt64(amount), to: Cell.whole, in: cells.stripe)
        exemplars.offer(Double(amount), in: 0, label: exemplarLabel, text: exemplarValue)
    }

    /// Raises the count to a total that is counted elsewhere, such as by the kernel. A lower total changes nothing.
    public func advance(to total: Double) {
        cells.raise(Cell.floor, to: total)
    }

    /// Has each scraper see the series at 0 once, before it sees what was counted, so that `increase()` sees the first
    /// event of a series that is made late. To be called before it counts; a series that has counted stays as it is.
    public func startAtZero() {
        startAtZero(at: MonotonicClock.nanoseconds())
    }

    func startAtZero(at now: UInt64) {
        if value == 0 { birth.note(at: now) }
    }

    /// Back to 0, for swift-metrics' sake: Prometheus reads it as a restart.
    public func reset() {
        cells.clear()
    }

    /// What a scrape shows.
    public var value: Double {
        Double(cells.total(of: Cell.whole)) + fraction
    }

    var whole: UInt64 { cells.total(of: Cell.whole) }
    var fraction: Double { cells.doubleTotal(of: Cell.fraction) + Double(bitPattern: cells.load(Cell.floor)) }
    var exemplar: [UInt8]? { exemplars.snapshot().first ?? nil }
}
