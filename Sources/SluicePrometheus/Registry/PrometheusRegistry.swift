import Synchronization

/// Owns the metrics of a program, and writes them out for Prometheus.
///
/// ```swift
/// let registry = PrometheusRegistry()
/// registry.gauge("orders_waiting", [("region", "eu")]).set(7.0)
/// let answer = registry.scrape(accept: request.headers["Accept"], acceptEncoding: request.headers["Accept-Encoding"])
/// ```
///
/// Make one, bootstrap swift-metrics with a `PrometheusMetricsFactory` of it, and answer `GET /metrics` with `scrape`.
/// Updates of a metric never take the registry's lock; making and scraping metrics do, for a moment.
public final class PrometheusRegistry: Sendable {
    /// The defaults of families without a description, and how scrapes are answered.
    public struct Configuration: Sendable {
        /// The bounds of histograms whose description names none. Default: from 5 ms to 10 s, as in Prometheus' own
        /// client libraries.
        /// At least one; finite, and each more than the one before it.
        public var defaultBuckets: [Double]
        /// Called whenever a metric cannot be exposed as asked; the caller gets a handle that is not shown. It is called
        /// each time, possibly at once on several threads, and outside of locks. Default: nothing.
        public var onConflict: @Sendable (MetricConflict) -> Void
        /// The name of a counter with the labels `metric` and `label`: how often a series was asked for whose label
        /// value is beyond its cap. Default: none.
        public var cappedLabelsCounter: String?
        /// zlib's level for gzip, from 1 (fast, the default) to 9.
        public var compressionLevel: Int

        public init(
            defaultBuckets: [Double] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
            onConflict: @escaping @Sendable (MetricConflict) -> Void = { _ in },
            cappedLabelsCounter: String? = nil,
            compressionLevel: Int = 1
        ) {
            self.defaultBuckets = defaultBuckets
            self.onConflict = onConflict
            self.cappedLabelsCounter = cappedLabelsCounter
            self.compressionLevel = compressionLevel
        }

        fileprivate func validate() throws(InvalidConfiguration) {
            var fields: [InvalidField] = []
            if !(1...9).contains(compressionLevel) {
                fields.append(InvalidField("compressionLevel", expected: "from 1 to 9", value: "\(compressionLevel)"))
            }
            let ascends = zip(defaultBuckets, defaultBuckets.dropFirst()).allSatisfy { $0 < $1 }
            if defaultBuckets.isEmpty || !defaultBuckets.allSatisfy(\.isFinite) || !ascends {
                fields.append(
                    InvalidField(
                        "defaultBuckets", expected: "finite bounds, each more than the one before it",
                        value: "\(defaultBuckets)"))
            }
            if !fields.isEmpty { throw InvalidConfiguration(fields: fields) }
        }
    }

    /// Fields of the configuration have values that they cannot have.
    public struct InvalidConfiguration: Error, Equatable, CustomStringConvertible {
        /// All of them, at least one.
        public let fields: [InvalidField]

        public var description: String { fields.map(\.description).joined(separator: "; ") }
    }

    /// A field of the configuration that has a value that it cannot have.
    public struct InvalidField: Sendable, Equatable, CustomStringConvertible {
        /// The field, such as `compressionLevel`.
        public let field: String
        /// What is expected, such as `from 1 to 9`.
        public let expected: String
        /// What it is instead.
        public let value: String

        fileprivate init(_ field: String, expected: String, value: String) {
            self.field = field
            self.expected = expected
            self.value = value
        }

        public var description: String { "PrometheusRegistry.\(field): expected \(expected), not \(value)" }
    }

    /// A hook that was added with `beforeScrape`.
    public struct Hook: Sendable, Hashable {
        fileprivate let id: UInt64
    }

    private struct Hooks {
        var next: UInt64 = 0
        var bodies: [(id: UInt64, body: @Sendable () -> Void)] = []
    }

    private let configuration: Configuration
    private let table: Mutex<FamilyTable>
    private let hooks = Mutex(Hooks())
    private let lastSize = Atomic<Int>(4_096)
    private let scrapers = Mutex(ScraperBook())

    /// A registry with the defaults of ``Configuration``.
    public convenience init() {
        self.init(checked: Configuration())
    }

    /// - Throws: ``InvalidConfiguration`` for values out of their ranges.
    public convenience init(configuration: Configuration) throws(InvalidConfiguration) {
        try configuration.validate()
        self.init(checked: configuration)
    }

    private init(checked configuration: Configuration) {
        self.configuration = configuration
        table = Mutex(FamilyTable(defaultBuckets: configuration.defaultBuckets))
    }

    /// Says what a family is. To be called before its first use; a second, different description is a conflict.
    public func describe(_ description: MetricDescription) {
        switch table.withLock({ $0.describe(description) }) {
        case .failure(let conflict): configuration.onConflict(conflict)
        case .success(let capped):
            guard let name = configuration.cappedLabelsCounter else { return }
            let family = MetricName.family(description.name, kind: description.kind)
            for label in capped { _ = counter(name, [("metric", family), ("label", label)]) }
        }
    }

    public func describe(_ descriptions: some Sequence<MetricDescription>) {
        for description in descriptions { describe(description) }
    }

    /// The counter of this name and these labels, made at 0 when it is new. The same ones give the same handle.
    public func counter(_ name: String, _ labels: [(String, String)] = []) -> PrometheusCounter {
        if case .counter(let handle)? = resolve(name, .counter, labels) { return handle }
        return PrometheusCounter(.detached)
    }

    /// The gauge of this name and these labels, made at 0 when it is new. The same ones give the same handle.
    public func gauge(_ name: String, _ labels: [(String, String)] = []) -> PrometheusGauge {
        if case .gauge(let handle)? = resolve(name, .gauge, labels) { return handle }
        return PrometheusGauge(.detached)
    }

    /// The histogram of this name and these labels, made empty when it is new. The same ones give the same handle.
    public func histogram(_ name: String, _ labels: [(String, String)] = []) -> PrometheusHistogram {
        if case .histogram(let handle)? = resolve(name, .histogram, labels) { return handle }
        return PrometheusHistogram(.detached, bounds: [])
    }

    /// Takes series out of the exposition. Handles of them that are still held count on and are not shown.
    /// - Parameters:
    ///   - name: the family's.
    ///   - labels: every series of the family that has all of these goes.
    /// - Returns: how many went.
    @discardableResult
    public func remove(_ name: String, labels: [(String, String)]) -> Int {
        table.withLock { $0.remove(name, matching: labels) }
    }

    /// Takes the series of all families out of the exposition that have all of these labels: what they are about is gone.
    /// - Returns: how many went.
    @discardableResult
    public func removeAll(labels: [(String, String)]) -> Int {
        table.withLock { $0.removeAll(matching: labels) }
    }

    /// Runs `body` at the start of each exposition, so that it can set gauges to what they are now.
    ///
    /// It runs on the scraping thread, in the order of registration and outside of locks; two scrapes at once run it
    /// twice at once. It must be quick, and hold the registry weakly if at all.
    @discardableResult
    public func beforeScrape(_ body: @escaping @Sendable () -> Void) -> Hook {
        hooks.withLock { hooks in
            hooks.next += 1
            hooks.bodies.append((hooks.next, body))
            return Hook(id: hooks.next)
        }
    }

    /// Ends what `beforeScrape` began. A scrape that is under way may still run it.
    public func cancel(_ hook: Hook) {
        hooks.withLock { $0.bodies.removeAll { $0.id == hook.id } }
    }

    /// Answers a scrape.
    /// - Parameters:
    ///   - accept: the request's `Accept` header; several fields joined with commas.
    ///   - acceptEncoding: the request's `Accept-Encoding` header.
    ///   - scraper: the Prometheus that asks, which sees new series at 0 once; nil sees everything as it is.
    public func scrape(accept: String?, acceptEncoding: String?, scraper: Scraper? = nil) -> Scrape {
        let format = Negotiation.format(accept: accept)
        let body = exposition(format, scraper: scraper, at: MonotonicClock.nanoseconds())
        if Negotiation.acceptsGzip(acceptEncoding), let packed = Gzip.compress(body, configuration.compressionLevel) {
            return Scrape(body: packed, contentType: format.contentType, contentEncoding: "gzip")
        }
        return Scrape(body: body, contentType: format.contentType, contentEncoding: nil)
    }

    /// The metrics as they are now, after the hooks have run.
    public func exposition(_ format: ExpositionFormat) -> [UInt8] {
        exposition(format, scraper: nil, at: 0)
    }

    /// - Parameter now: before any series that this exposition does not have is made.
    func exposition(_ format: ExpositionFormat, scraper: Scraper?, at now: UInt64) -> [UInt8] {
        let novelty = scraper.map { scraper in scrapers.withLock { $0.visit(scraper, at: now) } }
        runHooks()
        var writer = ExpositionWriter(format: format, novelty: novelty, capacity: lastSize.load(ordering: .relaxed))
        for (text, series) in table.withLock({ $0.snapshot() }) { writer.write(text, series) }
        let bytes = writer.finish()
        lastSize.store(bytes.count + bytes.count / 8, ordering: .relaxed)
        return bytes
    }

    /// The counters and gauges of some families as they are now, after the hooks have run; a histogram is the count of what it
    /// has observed. For a status page that is to agree with `/metrics`.
    /// - Parameter names: as an exposition has them, such as `http_requests_total`. A family that is not there is left out.
    public func samples(of names: Set<String>) -> [String: [Sample]] {
        runHooks()
        let series = table.withLock { table in names.map { ($0, table.series(of: $0)) } }
        var samples: [String: [Sample]] = [:]
        for (name, series) in series where !series.isEmpty {
            samples[name] = series.map { Sample(labels: $0.labels, value: $0.handle.value) }
        }
        return samples
    }

    private func runHooks() {
        for hook in hooks.withLock({ $0.bodies }) { hook.body() }
    }

    /// One user of the handle is gone; the series goes with the last.
    func release(_ handle: SeriesHandle) {
        table.withLock { $0.release(handle) }
    }

    private func resolve(_ name: String, _ kind: MetricKind, _ labels: [(String, String)]) -> SeriesHandle? {
        var capped: [(family: String, label: String)] = []
        let result = table.withLock { table in
            table.resolve(name, kind: kind, labels) { capped.append(($0, $1)) }
        }
        if let counterName = configuration.cappedLabelsCounter {
            for (family, label) in capped where family != MetricName.family(counterName, kind: .counter) {
                counter(counterName, [("metric", family), ("label", label)]).increment(by: Int64(1))
            }
        }
        switch result {
        case .success(let handle): return handle
        case .failure(let conflict):
            configuration.onConflict(conflict)
            return nil
        }
    }
}
