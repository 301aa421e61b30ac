import Sluice

/// How a sink treats its events: the policies that are the sink's own, and not those of its destination.
struct SinkPolicy: Sendable {
    /// How its events may overlap; nil is as its kind wants it.
    var ordering: Ordering?
    var retry: Retry
    /// How long an attempt may take.
    var timeout: Timeout

    /// What the gateway's sinks go by when nothing is said.
    static var standard: SinkPolicy {
        SinkPolicy(retry: Retry(maxAttempts: 8, maxElapsed: .seconds(300)), timeout: Timeout(.seconds(60)))
    }
}

/// How a destination is treated by all sinks that deliver to it.
struct DestinationPolicy: Sendable {
    /// How fast events may go to it; nil is as the sink's kind wants it.
    var throttle: Throttle??
    var destination = Destination.Configuration()

    /// What the gateway's destinations go by when nothing is said.
    static var standard: DestinationPolicy { DestinationPolicy(destination: GatewayPace().destination) }
}
