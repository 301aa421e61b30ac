/// Watermill's presets, with the names, types and flags of watermill-amqp, so that services in Go and Swift can share
/// what they declare; and queues that are replicated.
extension AMQPTopology {
    /// A durable queue of the topic's name, on the broker's own exchange: each message goes to one subscriber.
    public static let durableQueue = AMQPTopology().with { $0.queue.isDurable = true }

    /// A queue of the topic's name that goes with the broker, and its messages too.
    public static let nonDurableQueue = AMQPTopology().with { $0.isPersistent = false }

    /// A durable queue of the topic's name that is replicated and counts deliveries
    /// (<https://www.rabbitmq.com/quorum-queues.html>). Not one of Watermill's.
    public static let quorumQueue = durableQueue.with { $0.queue.arguments["x-queue-type"] = "quorum" }

    /// A durable fanout exchange of the topic's name, and a durable queue for each group of subscribers.
    /// - Parameter queue: the queue's name. Unless given, it is the topic's with the subscriber's group behind it; a
    ///   subscriber without a group gets a queue for each subscription, which goes with it, or after an hour without a
    ///   connection.
    public static func durablePubSub(queue: Name = .generated) -> AMQPTopology {
        pubSub(queue, isDurable: true)
    }

    /// The same, of what goes with the broker. A queue for a single subscription goes with its connection.
    public static func nonDurablePubSub(queue: Name = .generated) -> AMQPTopology {
        pubSub(queue, isDurable: false)
    }

    /// A topic exchange and a durable queue, bound with the topic as its pattern; messages are published with the
    /// topic as their routing key. As in Watermill, the exchange itself is not durable unless changed.
    public static func durableTopic(exchange: String, queue: Name) -> AMQPTopology {
        topicExchange(exchange, queue).with { $0.queue.isDurable = true }
    }

    /// The same, with a queue that goes with the broker.
    public static func nonDurableTopic(exchange: String, queue: Name) -> AMQPTopology {
        topicExchange(exchange, queue).with { $0.isPersistent = false }
    }

    private static func pubSub(_ queue: Name, isDurable: Bool) -> AMQPTopology {
        AMQPTopology().with { topology in
            topology.exchange.name = .topic
            topology.exchange.type = "fanout"
            topology.exchange.isDurable = isDurable
            topology.queue.name = queue
            topology.queue.isDurable = isDurable
            topology.isPersistent = isDurable
            topology.routingKey = .constant("")
            topology.publisherDeclares = .exchange
        }
    }

    private static func topicExchange(_ exchange: String, _ queue: Name) -> AMQPTopology {
        AMQPTopology().with { topology in
            topology.exchange.name = .constant(exchange)
            topology.exchange.type = "topic"
            topology.queue.name = queue
            topology.bindingKey = .topic
            topology.publisherDeclares = .exchange
        }
    }
}

extension AMQPTopology.Name: ExpressibleByStringLiteral {
    public init(stringLiteral value: String) {
        self = .constant(value)
    }
}
