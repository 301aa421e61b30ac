package import Sluice

/// How much an exporter of spans keeps, and how long it waits. The defaults are right outside of tests.
package struct TracePace: Sendable {
    /// Spans that wait for the collector.
    package var capacity = 2_048
    /// Spans of one request.
    package var batch = 512
    /// Between two exports, where no batch is full before.
    package var interval: Duration = .seconds(5)
    /// For one request.
    package var timeout: Duration = .seconds(10)
    /// From a batch's first request to its last.
    package var patience: Duration = .seconds(60)
    /// Between two requests of a batch.
    package var backoff: Backoff = .exponential(from: .seconds(1), upTo: .seconds(30))
    /// For what is left at shutdown.
    package var flush: Duration = .seconds(5)
    /// Between two warnings.
    package var silence: Duration = .seconds(60)

    package init() {}
}
