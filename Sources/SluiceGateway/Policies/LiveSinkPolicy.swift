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

    /// Puts another policy in force.
    /// - Throws: `ConfigurationError` for a value that is outside its range.
    func update(_ policy: SinkPolicy) throws {
        try retry.update(policy.retry)
        try timeout.update(policy.timeout)
        try deduplicator.update { $0.window = policy.deduplication }
    }
}
