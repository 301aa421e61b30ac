public import SluiceAMQP

extension GatewayConfiguration {
    /// RabbitMQ as a source of deployments.
    public struct AMQP: Sendable {
        /// The broker.
        public var client: AMQPConfiguration
        /// A queue, which is used as it is, and declared as a durable one when it is missing. Default `deployments`.
        public var queue = "deployments"
        /// Whether anything is declared: the queue when it is missing, and the queues in which rejected messages wait.
        /// Default true. Without, a missing queue is waited for, and rejected messages wait in this process.
        public var declares = true

        /// What stands for a topic in RabbitMQ.
        var topology: AMQPTopology { .workQueue(declaring: declares) }

        public init(_ client: AMQPConfiguration) {
            self.client = client
        }
    }
}

extension AMQPTopology {
    /// A durable queue of the topic's name, declared where it is missing, or never.
    static func workQueue(declaring: Bool) -> AMQPTopology {
        guard !declaring else { return .durableQueue }
        return durableQueue.with { topology in
            topology.publisherDeclares = .nothing
            topology.subscriberDeclares = .nothing
        }
    }
}

extension ConfigurationValues {
    /// Nil without `AMQP_URI`.
    mutating func amqp() -> GatewayConfiguration.AMQP? {
        let declares = boolean(.amqpDeclare)
        let queue = read(.amqpQueue, "1 to 255 bytes of plain text that do not begin with amq.") { text in
            EventField.name(text).flatMap { $0.hasPrefix("amq.") ? nil : $0 }
        }
        guard let uri = secret(.amqpURI) else { return nil }
        do {
            var amqp = GatewayConfiguration.AMQP(try AMQPConfiguration(uri: uri.reveal()))
            if let queue { amqp.queue = queue }
            amqp.declares = declares ?? amqp.declares
            checkFiles(of: amqp.client)
            return amqp
        } catch {
            problems.append("AMQP_URI: expected amqp://user:password@host:port/vhost or amqps://…: \(error)")
            return nil
        }
    }

    /// Reads the certificates and keys that the options of the URI name.
    mutating func checkFiles(of client: AMQPConfiguration) {
        guard let tls = client.tls else { return }
        func part(_ option: String, _ value: String?) -> TLSFiles.Part? {
            .init("\(ConfigurationVariable.amqpURI.name): \(option)", value)
        }
        var files = TLSFiles()
        files.authorities = part("cacertfile", tls.certificateAuthorities)
        files.certificate = part("certfile", tls.certificate)
        files.key = part("keyfile", tls.key)
        files.keyPassword = part("password", tls.keyPassword)
        files.check(names: ("AMQP_URI: certfile", "AMQP_URI: keyfile"))
        problems += files.problems
        warnings += files.warnings
    }
}
