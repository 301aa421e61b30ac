public import CoreMetrics

/// Observes one series of a histogram family: swift-metrics' aggregating `Recorder`, and its `Timer`, in seconds.
///
/// An observation bumps one bucket and the sum, and takes no lock; a scrape sums the buckets up. NaN is ignored, since it
/// belongs to no bucket. Where no bound is negative, a negative value counts as 0, so that the sum never falls.
public final class PrometheusHistogram: RecorderHandler, TimerHandler {
    let identity: SeriesIdentity
    /// Ascending and finite; the bucket `+Inf` follows the last.
    let bounds: [Double]
    private let lowest: Double
    private let sumCell: Int
    private let cells: Cells
    private let exemplars: ExemplarSlots
    let birth = Birth()

    init(_ identity: SeriesIdentity, bounds: [Double]) {
        self.identity = identity
        self.bounds = bounds
        lowest = bounds.first.map { $0 < 0 } == true ? -.infinity : 0
        sumCell = bounds.count + 1
        cells = Cells(count: bounds.count + 2, striped: true)
        exemplars = ExemplarSlots(count: bounds.count + 1)
    }

    public func record(_ value: Double) {
        guard value == value else { return }
        let value = value < lowest ? lowest : value
        observe(value, in: bucket(of: value))
    }

    public func record(_ value: Int64) {
        record(Double(value))
    }

    public func recordNanoseconds(_ duration: Int64) {
        // A division, because its result is the nearest Double: 5,000,000 ns must fall into the bucket 0.005.
        record(Double(duration) / 1e9)
    }

    /// Observes `value`, and leaves a trace of it in OpenMetrics expositions.
    /// - Parameters:
    ///   - value: in the metric's unit.
    ///   - exemplarLabel: such as `trace_id`.
    ///   - exemplarValue: such as the trace's id. Dropped when it has control characters, quotes, or backslashes, or when
    ///     it exceeds 128 characters together with the label. At most one exemplar a bucket is taken in 100 ms.
    public func record(_ value: Double, exemplarLabel: String, exemplarValue: String) {
        guard value == value else { return }
        let value = value < lowest ? lowest : value
        let bucket = bucket(of: value)
        observe(value, in: bucket)
        exemplars.offer(value, in: bucket, label: exemplarLabel, text: exemplarValue)
    }

    /// Like `record(_:exemplarLabel:exemplarValue:)`, for a duration.
    public func recordNanoseconds(_ duration: Int64, exemplarLabel: String, exemplarValue: String) {
        record(Double(duration) / 1e9, exemplarLabel: exemplarLabel, exemplarValue: exemplarValue)
    }

    /// Has each scraper see the series empty once, before it sees what was observed, so that `increase()` sees the first
    /// value of a series that is made late. To be called before it observes; a series that has observed stays as it is.
    public func startAtZero() {
        startAtZero(at: MonotonicClock.nanoseconds())
    }

    func startAtZero(at now: UInt64) {
        if count == 0 { birth.note(at: now) }
    }

    /// How many values were observed.
    public var count: UInt64 {
        (0...bounds.count).reduce(0) { $0 &+ cells.total(of: $1) }
    }

    /// The sum of what was observed.
    public var sum: Double { cells.doubleTotal(of: sumCell) }

    /// The count of one bucket alone, not of those below it.
    func count(ofBucket index: Int) -> UInt64 { cells.total(of: index) }

    /// One text a bucket, or none at all.
    var exemplarTexts: [[UInt8]?] { exemplars.snapshot() }

    @inline(__always)
    private func observe(_ value: Double, in bucket: Int) {
        let stripe = cells.stripe
        cells.add(1, to: bucket, in: stripe)
        cells.accumulate(value, to: sumCell, in: stripe)
    }

    /// The first bucket whose bound is not below `value`, by a binary search without unpredictable branches.
    @inline(__always)
    private func bucket(of value: Double) -> Int {
        bounds.withUnsafeBufferPointer { bounds in
            var low = 0
            var length = bounds.count
            while length > 1 {
                let half = length >> 1
                low &+= bounds[low &+ half &- 1] < value ? half : 0
                length &-= half
            }
            return length == 1 && bounds[low] < value ? low &+ 1 : low
        }
    }
}
