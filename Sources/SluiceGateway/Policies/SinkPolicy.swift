import Sluice

/// How a sink treats its events: the policies that are the sink's own, and not those of its destination.
struct SinkPolicy: Sendable {
    /// How its events may overlap; nil is as its kind wants it.
    var ordering: Ordering?
    var retry: Retry
    /// How long an attempt may take.
    var timeout: Timeout
    /// For how long an event that was delivered is known again. Webhooks are redelivered within 3 days; a commit may reach
    /// another branch weeks later.
    var deduplication = Duration.seconds(90 * 86_400)

    /// What the gateway's sinks go by when nothing is said.
    static var standard: SinkPolicy {
        SinkPolicy(retry: Retry(maxAttempts: 8, maxElapsed: .seconds(300)), timeout: Timeout(.seconds(60)))
    }
}
