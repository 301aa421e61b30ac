import CoreMetrics
public import Sluice
import Synchronization

/// Keeps what is counted and measured, for tests: a backend without a server.
///
/// ```swift
/// let metrics = MetricsRecorder()
/// let router = Router(instruments: metrics.instruments)
/// …
/// #expect(metrics.read().value("sluice_deliveries_total", ["outcome": "acked"]) == 3)
/// ```
public final class MetricsRecorder: Sendable {
    private let storage: RecordedStorage
    /// What a router, a route or an adapter under test counts with.
    public let instruments: Instruments

    public init() {
        storage = RecordedStorage()
        instruments = Instruments(factory: RecordingFactory(storage: storage))
    }

    /// What all series say now.
    public func read() -> RecordedMetrics {
        instruments.refresh()
        return RecordedMetrics(series: storage.read())
    }
}

/// What the series of a ``MetricsRecorder`` said at one moment.
public struct RecordedMetrics: Sendable {
    /// A metric with its labels.
    public struct Series: Sendable, CustomStringConvertible {
        public let name: String
        public let labels: [String: String]
        /// A counter's sum, a gauge's value, or how often a histogram was observed.
        public let value: Double
        /// What a histogram was observed with, in order: the last 10,000.
        public let observations: [Double]

        public var description: String {
            let labels = labels.sorted { $0.key < $1.key }.map { "\($0.key)=\"\($0.value)\"" }
            return "\(name){\(labels.joined(separator: ","))} \(value)"
        }
    }

    /// Ordered by name and labels.
    public let series: [Series]

    /// The series of this name that have these labels, and perhaps others.
    public func series(_ name: String, _ labels: [String: String] = [:]) -> [Series] {
        series.filter { series in
            series.name == name && labels.allSatisfy { series.labels[$0.key] == $0.value }
        }
    }

    /// The sum over the series of this name that have these labels; nil when there is none.
    public func value(_ name: String, _ labels: [String: String] = [:]) -> Double? {
        let found = series(name, labels)
        return found.isEmpty ? nil : found.reduce(0) { $0 + $1.value }
    }

    /// What the histograms of this name that have these labels were observed with.
    public func observations(_ name: String, _ labels: [String: String] = [:]) -> [Double] {
        series(name, labels).flatMap(\.observations)
    }
}

private final class RecordedStorage: Sendable {
    struct Key: Hashable {
        let name: String
        let labels: [String: String]
    }

    private let series = Mutex<[Key: RecordedSeries]>([:])

    func series(_ name: String, _ labels: [(String, String)]) -> RecordedSeries {
        let key = Key(name: name, labels: Dictionary(labels) { $1 })
        return series.withLock { series in
            if let known = series[key] { return known }
            let made = RecordedSeries(key: key)
            series[key] = made
            return made
        }
    }

    func remove(_ gone: any AnyObject & Sendable) {
        guard let gone = gone as? RecordedSeries else { return }
        series.withLock { series in
            if series[gone.key] === gone { series[gone.key] = nil }
        }
    }

    func read() -> [RecordedMetrics.Series] {
        series.withLock { Array($0.values) }.map { $0.read() }.sorted { $0.description < $1.description }
    }
}

/// One series, whichever kind it is.
private final class RecordedSeries: CounterHandler, MeterHandler, RecorderHandler {
    /// How many observations are kept.
    private static let limit = 10_000

    let key: RecordedStorage.Key
    private let state = Mutex<(value: Double, observations: [Double])>((0, []))

    init(key: RecordedStorage.Key) {
        self.key = key
    }

    func read() -> RecordedMetrics.Series {
        let (value, observations) = state.withLock { $0 }
        return RecordedMetrics.Series(name: key.name, labels: key.labels, value: value, observations: observations)
    }

    func increment(by amount: Int64) { state.withLock { $0.value += Double(amount) } }
    func reset() { state.withLock { $0.value = 0 } }

    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { state.withLock { $0.value = value } }
    func increment(by amount: Double) { state.withLock { $0.value += amount } }
    func decrement(by amount: Double) { state.withLock { $0.value -= amount } }

    func record(_ value: Int64) { record(Double(value)) }
    func record(_ value: Double) {
        state.withLock { state in
            state.value += 1
            if state.observations.count >= Self.limit { state.observations.removeFirst() }
            state.observations.append(value)
        }
    }
}

private struct RecordingFactory: MetricsFactory {
    let storage: RecordedStorage

    func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        storage.series(label, dimensions)
    }

    func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        storage.series(label, dimensions)
    }

    func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        storage.series(label, dimensions)
    }

    func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        NOOPMetricsHandler.instance.makeTimer(label: label, dimensions: dimensions)
    }

    func destroyCounter(_ handler: any CounterHandler) { storage.remove(handler) }
    func destroyMeter(_ handler: any MeterHandler) { storage.remove(handler) }
    func destroyRecorder(_ handler: any RecorderHandler) { storage.remove(handler) }
    func destroyTimer(_ handler: any TimerHandler) {}
}
