import Sluice

extension GatewayConfiguration {
    /// With what a program brings along.
    func adding(_ sinks: [ConfiguredSink], _ sources: [ConfiguredSource]) -> GatewayConfiguration {
        var configuration = self
        configuration.sinks += sinks
        configuration.sources += sources
        return configuration
    }

    /// Where events go: the console where nothing else is configured.
    var deliveredTo: [ConfiguredSink] { sinks.isEmpty ? [Registry.fallback] : sinks }

    /// How the gateway's router drains, and goes on after failures.
    var routing: Router.Configuration {
        var routing = Router.Configuration()
        routing.shutdownTimeout = shutdownTimeout
        routing.redelivery = pace.redelivery
        routing.destination = pace.destination
        // The queue and what comes in are no destinations: no breaker refuses a webhook.
        routing.destination.breaker = nil
        return routing
    }
}
