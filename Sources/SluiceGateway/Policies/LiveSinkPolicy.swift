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

    /// Puts another policy in force. The order of the events is the route's, and stays.
    /// - Throws: ``ConfigurationError`` for a value that is outside its range; nothing has changed then.
    func update(_ policy: SinkPolicy) throws(ConfigurationError) {
        try policy.retry.validate()
        try policy.timeout.validate()
        try deduplicator.update { $0.window = policy.deduplication }
        try retry.update(policy.retry)
        try timeout.update(policy.timeout)
    }
}

/// What a person can change of a sink while the gateway runs.
struct SinkControl: Sendable {
    let name: String
    let policies: LiveSinkPolicy
    let destination: Destination
}
