import Sluice

/// What the gateway's sinks and destinations go by.
extension GatewayConfiguration {
    func policy(of sink: ConfiguredSink) -> SinkPolicy { sink.policy ?? policies.sink }

    /// A destination's policies; its throttle may follow from its sinks.
    func policies(of destination: String) -> Destination.Configuration {
        (destinations[destination] ?? policies.destination)
            .configuration(deliveredTo.filter { $0.destination == destination }.map(\.throttle))
    }
}
