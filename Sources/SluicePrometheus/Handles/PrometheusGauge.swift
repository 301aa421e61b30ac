public import CoreMetrics
import Synchronization

/// Holds one series of a gauge family: swift-metrics' `Meter`, and its `Gauge`.
public final class PrometheusGauge: MeterHandler, RecorderHandler {
    let identity: SeriesIdentity
    private let bits = Atomic<UInt64>(0)

    init(_ identity: SeriesIdentity) {
        self.identity = identity
    }

    public func set(_ value: Double) {
        bits.store(value.bitPattern, ordering: .relaxed)
    }

    public func set(_ value: Int64) {
        set(Double(value))
    }

    public func increment(by amount: Double) {
        var current = bits.load(ordering: .relaxed)
        while true {
            let sum = (Double(bitPattern: current) + amount).bitPattern
            let (exchanged, original) = bits.weakCompareExchange(expected: current, desired: sum, ordering: .relaxed)
            if exchanged { return }
            current = original
        }
    }

    public func decrement(by amount: Double) {
        increment(by: -amount)
    }

    public func record(_ value: Int64) {
        set(value)
    }

    public func record(_ value: Double) {
        set(value)
    }

    /// What a scrape shows.
    public var value: Double {
        Double(bitPattern: bits.load(ordering: .relaxed))
    }
}
