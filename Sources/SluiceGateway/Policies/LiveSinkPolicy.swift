import Sluice

/// The policies of one sink at work: each can be replaced while events are under way.
struct LiveSinkPolicy: Sendable {
    let retry: Live<Retry>
    let timeout: Live<Timeout>
    let deduplicator: Live<Deduplicator>

    /// - Parameter handled: which events the route has handled.
    init(_ policy: SinkPolicy, handled: any DeduplicationStore) {
        retry = Live(policy.retry)
        timeout = Live(policy.timeout)
        deduplicator = Live(Deduplicator(handled, window: policy.deduplication))
    }
}

/// What a person can change of a sink while the gateway runs.
struct SinkControl: Sendable {
    let policies: LiveSinkPolicy
    let destination: Destination
}
