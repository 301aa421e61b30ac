/// What a route counts of the attempts after the first, whichever middleware makes them.
final class RetryMeter: Sendable {
    let retries: CounterFamily
    let exhausted: CounterFamily
    let waited: HistogramHandle

    init(_ route: RouteScope) {
        retries = route.instruments.counters(.retries, known: ["timeout", "other"])
        exhausted = route.instruments.counters(.retriesExhausted, known: ["budget", "timeout", "other"])
        waited = route.instruments.histogram(.retryBackoff, [route.label])
    }
}
