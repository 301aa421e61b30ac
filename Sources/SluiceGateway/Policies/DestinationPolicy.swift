import Sluice

/// How a destination is treated by all sinks that deliver to it.
struct DestinationPolicy: Sendable {
    /// How fast events may go to it.
    enum Pace: Sendable {
        /// As the kinds of its sinks want it; the slowest counts.
        case ofKind
        case unbounded
        case throttled(Throttle)
    }

    var pace = Pace.ofKind
    /// All but the throttle.
    var policies = Destination.Configuration()

    /// What the gateway's destinations go by when nothing is said.
    static var standard: DestinationPolicy { DestinationPolicy(policies: GatewayPace().destination) }

    /// What the destination is made with.
    /// - Parameter kinds: the throttles that the kinds of its sinks want.
    func configuration(_ kinds: [Throttle?]) -> Destination.Configuration {
        var configuration = policies
        configuration.throttle =
            switch pace {
            case .ofKind: kinds.compactMap(\.self).min { $0.rate < $1.rate }
            case .unbounded: nil
            case .throttled(let throttle): throttle
            }
        return configuration
    }
}
