import Foundation
import Sluice
import SluiceHTTP

extension GatewayConfiguration {
    var webhooksListener: HTTPListener.Configuration {
        listener(bindAddress, connections: \.webhooks)
    }

    var metricsListener: HTTPListener.Configuration {
        var listener = listener(metricsBindAddress, connections: \.metrics)
        // Prometheus keeps its connection for five minutes, and is known by it.
        listener.idleTimeout = max(listener.idleTimeout, .seconds(310))
        return listener
    }

    private func listener(
        _ address: BindAddress, connections: KeyPath<ConnectionBudget, Int>
    ) -> HTTPListener.Configuration {
        var listener = HTTPListener.Configuration()
        listener.host = address.host ?? HTTPListener.Configuration.everywhere
        listener.port = Int(address.port)
        listener.idleTimeout = httpIdleTimeout
        let budget = ConnectionBudget(openFiles: OpenFiles.raiseLimit(), for: self)
        listener.maxConnections = max(1, budget[keyPath: connections])
        listener.spareConnections = budget.spare
        return listener
    }
}

/// How the descriptors that the system allows are shared out. The log, the sinks and the brokers come first, then the
/// metrics, and webhooks get the rest: a flood of connections must not keep the gateway from being seen.
struct ConnectionBudget: Sendable, Equatable {
    /// Below this a listener is of no use.
    private static let fewest = 4
    private static let mostMetrics = 64
    private static let mostWebhooks = 16_384

    /// Connections that the listener of webhooks may have open.
    let webhooks: Int
    /// Connections that the listener of metrics may have open.
    let metrics: Int
    /// How many more each may have for a moment.
    let spare: Int
    /// The least limit with which everything works.
    let needed: Int

    /// - Parameters:
    ///   - openFiles: the limit; nil where there is none.
    ///   - loops: event loops of NIO, of which each has three descriptors.
    init(openFiles: Int?, loops: Int = EventLoops.count, for configuration: GatewayConfiguration) {
        let openFiles = openFiles ?? .max
        let own = Self.own(loops: loops) + Self.brokers(configuration) + Self.sinks(configuration)
        let free = max(0, openFiles - own)
        spare = max(2, min(64, free / 16))
        metrics = max(Self.fewest, min(Self.mostMetrics, free / 8))
        webhooks = max(Self.fewest, min(Self.mostWebhooks, free - metrics - 2 * spare))
        needed = own + 2 * (Self.fewest + 2)
    }

    /// What the program has open for itself: standard streams, the files of the log, the deployments and the journal, sockets
    /// that listen, signals, timers, libcurl.
    private static func own(loops: Int) -> Int { 32 + 3 * loops }

    /// Connections of the client that they share, to each.
    private static func sinks(_ configuration: GatewayConfiguration) -> Int {
        4 * configuration.sinks.count(where: \.options.isReachedOverHTTP)
    }

    private static func brokers(_ configuration: GatewayConfiguration) -> Int {
        let sources = configuration.sources.reduce(0) { $0.addingSaturated($1.options.openFiles) }
        // A producer, the administration, what steers, and a consumer for each route that reads; librdkafka has a pipe and a
        // socket for each broker.
        let readers = 1 + max(1, configuration.sinks.count) + (configuration.simulator == nil ? 0 : 2)
        return sources + (configuration.kafka == nil ? 0 : 16 * (3 + readers))
    }
}
