public import SluiceAMQP

extension DeploymentsSource {
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
