package import Sluice

/// How fast and how patiently the gateway treats its sinks. The defaults are right outside of tests, which shorten it.
package struct GatewayPace: Sendable {
    /// How long a sink that a person has to mend is left alone. Default 60 seconds.
    package var hold: Duration = .seconds(60)
    /// Waits between attempts on one delivery. Default: from 100 ms, doubling, up to 30 s, with full jitter.
    package var retry: Backoff = .exponential()
    /// Waits between deliveries of one message. Default: from 100 ms, doubling, up to 30 s, with full jitter.
    package var redelivery: Backoff = .exponential()
    /// How every sink's destination is treated. Default: the library's, and a circuit breaker.
    package var destination = Destination.Configuration(breaker: CircuitBreaker())
    /// How long a sink may take to answer. Default 30 seconds.
    package var answerTimeout: Duration = .seconds(30)
    /// How spans are exported.
    package var tracing = TracePace()
    /// How the journal is written.
    package var journal = JournalPace()
    /// When what deployments turned out to be is counted.
    package var verdicts = VerdictPace()
    /// For how long a route that sends messages again stays once it has no job. Default a minute.
    package var idleLane: Duration = .seconds(60)

    package init() {}
}
