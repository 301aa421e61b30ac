import Sluice
import SluiceAMQP
import SluiceHTTP

extension DeploymentsSource {
    public func endpoints(named name: String) -> [SourceEndpoint] {
        var endpoint = HTTPEndpoint("/webhooks/\(name)")
        endpoint.maxBodyBytes = 1 << 20
        // The token vouches for its sender, and so for all headers.
        endpoint.authenticator = token.map { .bearer($0.reveal()) }
        return [
            SourceEndpoint(endpoint: endpoint, secret: DeploymentsOptions.token.variable) { _ in Self.handler }
        ]
    }

    public func connection(_ parts: SourceParts) throws -> SourceConnection? {
        guard let amqp else { return nil }
        let queue = try DeploymentsQueue(
            amqp, isPublishedTo: parts.isPublishedTo, parts.instruments, logger: parts.logger)
        let route = Route(
            Self.route(of: parts.name), from: queue.subscriber, queue.topic, to: parts.queue.publisher,
            parts.queue.events, middlewares: Intake.unanswered(parts), handler: Self.handler)
        return SourceConnection(
            routes: [route],
            deployTools: queue.publisher.map { publisher in
                SourceConnection.DeployTools(
                    publisher: publisher, topic: queue.topic, message: { Self.message($0, id: $1) })
            },
            notes: { queue.notes }, close: queue.close)
    }

    /// The environment makes one of them, whose route has no name of its own.
    private static func route(of name: String) -> String {
        name == SourceKind.deployments.name ? "rabbitmq-to-log" : "\(name)-rabbitmq-to-log"
    }

    public var openFiles: Int { amqp == nil ? 0 : 8 }

    public var cautions: [String] {
        guard let client = amqp?.client, client.tls == nil,
            client.hosts.contains(where: { !BindAddress.isHere($0.name) })
        else { return [] }
        return [
            "\(DeploymentsOptions.uri.variable.name): the password crosses the network in the clear; use amqps://"
        ]
    }

    private static let handler: Handler = { message, _ in
        let (event, fact) = try reading(message)
        return [event.message(), fact.message(of: [event])]
    }
}
