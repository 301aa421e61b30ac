public import SluiceAMQP

extension GatewayConfiguration {
    /// RabbitMQ as a source of deployments.
    public struct AMQP: Sendable {
        /// The broker.
        public var client: AMQPConfiguration
        /// A durable queue, declared when it is missing. Default `deployments`.
        public var queue = "deployments"

        public init(_ client: AMQPConfiguration) {
            self.client = client
        }
    }
}

extension ConfigurationValues {
    /// Nil without `AMQP_URI`.
    mutating func amqp() -> GatewayConfiguration.AMQP? {
        let queue = read(.amqpQueue, "1 to 255 bytes of plain text that do not begin with amq.") { text in
            EventField.name(text).flatMap { $0.hasPrefix("amq.") ? nil : $0 }
        }
        guard let uri = secret(.amqpURI) else { return nil }
        do {
            var amqp = GatewayConfiguration.AMQP(try AMQPConfiguration(uri: uri.reveal()))
            if let queue { amqp.queue = queue }
            return amqp
        } catch {
            problems.append("AMQP_URI: expected amqp://user:password@host:port/vhost or amqps://…: \(error)")
            return nil
        }
    }
}
