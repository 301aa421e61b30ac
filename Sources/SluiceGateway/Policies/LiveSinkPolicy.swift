import Sluice

/// The policies of one sink at work: each can be replaced while events are under way.
struct LiveSinkPolicy: Sendable {
    let retry: Live<Retry>
    let timeout: Live<Timeout>
    let deduplicator: Live<Deduplicator>

    /// - Parameters:
    ///   - handled: which events the sink has handled.
    ///   - group: the sink's, whose routes know what the others have handled; nil for a route by itself.
    ///   - isLocal: whether what was delivered is remembered many at a time (``SinkOptions/isLocal``).
    init(
        _ policy: SinkPolicy, handled: any DeduplicationStore, of group: String? = nil, isLocal: Bool = false
    ) {
        retry = Live(policy.retry)
        timeout = Live(policy.timeout)
        deduplicator = Live(Deduplicator(handled, window: policy.deduplication, scope: group, gathers: isLocal))
    }

    /// Puts another policy in force.
    /// - Throws: `ConfigurationError` for a value that is outside its range.
    func update(_ policy: SinkPolicy) throws {
        try retry.update(policy.retry)
        try timeout.update(policy.timeout)
        try deduplicator.update { $0.window = policy.deduplication }
    }
}
