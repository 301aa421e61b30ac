import Logging
public import Sluice
public import SluicePrometheus

/// Prometheus as the backend of Sluice's metrics: help texts, units, labels, buckets and exemplars as they are declared.
///
///     let backend = PrometheusBackend()
///     let router = Router(instruments: backend.instruments, logger: logger)
///     let listener = try HTTPListener(port: 9464, resources: .metrics(backend))
///
/// Metrics of other libraries, which use swift-metrics, come along with `MetricsSystem.bootstrap(backend.factory)`.
/// Without SluiceHTTP, answer `GET /metrics` with `PrometheusRegistry/scrape(accept:acceptEncoding:scraper:)` of
/// ``registry``.
public struct PrometheusBackend: Sendable {
    /// What everything is counted in, and written out of.
    public let registry: PrometheusRegistry
    /// What routes, adapters and middlewares make their metrics with.
    public let instruments: Instruments

    /// A backend with the registry's defaults. A metric that cannot be shown as it was declared is logged, once for each kind
    /// of conflict, by the label `sluice.metrics`.
    /// - Parameter includesProcess: whether the standard `process_*` metrics are shown, where there is a `/proc`. Default:
    ///   true.
    public init(includesProcess: Bool = true) {
        // The defaults are in their ranges.
        self.init((try? PrometheusRegistry(configuration: .logging)) ?? PrometheusRegistry(), includesProcess)
    }

    /// - Parameters:
    ///   - configuration: of the registry. Conflicts go to its `onConflict` alone.
    ///   - includesProcess: as of ``init(includesProcess:)``.
    /// - Throws: `ConfigurationError` for a value out of its range.
    public init(
        configuration: PrometheusRegistry.Configuration, includesProcess: Bool = true
    ) throws(ConfigurationError) {
        do throws(PrometheusRegistry.InvalidConfiguration) {
            self.init(try PrometheusRegistry(configuration: configuration), includesProcess)
        } catch {
            let problems = error.fields.map {
                ConfigurationError.Problem("PrometheusRegistry.\($0.field)", expected: $0.expected, value: $0.value)
            }
            throw ConfigurationError(problems) ?? ConfigurationError("PrometheusRegistry", expected: "\(error)")
        }
    }

    private init(_ registry: PrometheusRegistry, _ includesProcess: Bool) {
        let instruments = Instruments(factory: PrometheusMetricsFactory(registry))
        registry.beforeScrape { instruments.refresh() }
        if includesProcess { registry.collectProcess() }
        self.registry = registry
        self.instruments = instruments
    }

    /// The backend for `MetricsSystem.bootstrap`.
    public var factory: PrometheusMetricsFactory { PrometheusMetricsFactory(registry) }
}

extension PrometheusRegistry.Configuration {
    /// Logs conflicts. The logger is made when there is one, since logging is often set up after metrics.
    fileprivate static var logging: Self {
        let diary = FailureDiary()
        var configuration = Self()
        configuration.onConflict = { conflict in
            diary.log(
                "a metric is not shown as it was declared", conflict, level: .error,
                to: Logger(label: "sluice.metrics"))
        }
        return configuration
    }
}
