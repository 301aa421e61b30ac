public import Sluice

/// Which exchange and queue stand for a topic, and how messages find their way from one to the other.
///
/// ```swift
/// let topology = AMQPTopology.durableQueue.deadLettering(to: .queue("dead")).with { $0.publisherDeclares = .nothing }
/// ```
///
/// Whatever it names is looked for on each connection before it is used, and declared where it is missing, so that it
/// exists again after it was deleted or the broker lost it. What exists is used as it is, whatever its properties:
/// a queue that an administrator has made as a quorum queue, or with a dead-letter exchange, a time to live or a length,
/// stays so, and a user that may only read or write can use it.
/// Begin with a preset such as ``durableQueue`` and change what should be otherwise.
public struct AMQPTopology: Sendable {
    /// What an exchange or queue is called, or a routing key is, given a topic.
    public struct Name: Sendable {
        /// Nil stands for a name of its own for each subscription.
        let resolve: (@Sendable (Topic) -> String)?

        init(resolve: (@Sendable (Topic) -> String)?) {
            self.resolve = resolve
        }

        /// The topic's name.
        public static let topic = Name { $0.name }

        /// The same for every topic.
        public static func constant(_ name: String) -> Name { Name { _ in name } }

        /// The topic's name, `_`, and this.
        public static func topic(suffix: String) -> Name { Name { "\($0.name)_\(suffix)" } }

        /// For a queue: one that no other subscription has.
        public static let generated = Name(resolve: nil)

        /// Anything else.
        public static func custom(_ name: @escaping @Sendable (Topic) -> String) -> Name { Name(resolve: name) }
    }

    /// An exchange (<https://www.rabbitmq.com/exchanges.html>).
    public struct Exchange: Sendable {
        /// Empty, the default, for the broker's own, which routes to the queue that the routing key names. It is never
        /// declared.
        public var name: Name
        /// `direct`, `fanout`, `topic` or `headers`, or what a plug-in adds.
        public var type: String
        /// Whether it outlives a restart of the broker. Default false.
        public var isDurable: Bool
        /// Whether it goes with its last queue. Default false.
        public var isAutoDeleted: Bool
        /// Whether only other exchanges may publish to it. Default false.
        public var isInternal: Bool
        /// Default: none.
        public var arguments: AMQPTable

        public init(
            name: Name = .constant(""),
            type: String = "",
            isDurable: Bool = false,
            isAutoDeleted: Bool = false,
            isInternal: Bool = false,
            arguments: AMQPTable = [:]
        ) {
            self.name = name
            self.type = type
            self.isDurable = isDurable
            self.isAutoDeleted = isAutoDeleted
            self.isInternal = isInternal
            self.arguments = arguments
        }
    }

    /// A queue (<https://www.rabbitmq.com/queues.html>).
    public struct Queue: Sendable {
        /// Default: the topic's name.
        public var name: Name
        /// Whether it outlives a restart of the broker. Default false.
        public var isDurable: Bool
        /// Whether it goes with its last consumer. Default false.
        public var isAutoDeleted: Bool
        /// Whether it belongs to one connection and goes with it. Default false.
        public var isExclusive: Bool
        /// Such as `x-queue-type` or `x-max-length`. Default: none.
        public var arguments: AMQPTable

        public init(
            name: Name = .topic,
            isDurable: Bool = false,
            isAutoDeleted: Bool = false,
            isExclusive: Bool = false,
            arguments: AMQPTable = [:]
        ) {
            self.name = name
            self.isDurable = isDurable
            self.isAutoDeleted = isAutoDeleted
            self.isExclusive = isExclusive
            self.arguments = arguments
        }
    }

    /// Where a queue puts what it drops: what was rejected without a return, has expired, or finds it full
    /// (<https://www.rabbitmq.com/dlx.html>).
    public struct DeadLetter: Sendable {
        /// Empty for the broker's own.
        public var exchange: String
        /// Nil keeps the message's own.
        public var routingKey: String?

        public init(exchange: String, routingKey: String? = nil) {
            self.exchange = exchange
            self.routingKey = routingKey
        }

        /// Straight into this queue, which must exist.
        public static func queue(_ name: String) -> DeadLetter { DeadLetter(exchange: "", routingKey: name) }
    }

    /// What is declared where it is missing.
    public struct Declaration: Sendable, Hashable {
        let declaresExchange: Bool
        let declaresQueue: Bool

        /// Nothing: it must exist.
        public static let nothing = Declaration(declaresExchange: false, declaresQueue: false)
        /// The exchange alone.
        public static let exchange = Declaration(declaresExchange: true, declaresQueue: false)
        /// The exchange, the queue, and what binds them.
        public static let everything = Declaration(declaresExchange: true, declaresQueue: true)
    }

    public var exchange: Exchange
    public var queue: Queue
    /// With what key the queue is bound to the exchange; only where the exchange has a name. Default: empty.
    public var bindingKey: Name
    /// Needed by exchanges of the type `headers`. Default: none.
    public var bindingArguments: AMQPTable
    /// With what key messages are published. Default: the topic's name.
    public var routingKey: Name
    /// Whether messages are written to disk, so that a durable queue keeps them over a restart of the broker. Default
    /// true.
    public var isPersistent: Bool
    /// What a publisher declares. Default: everything, so that the queue exists before the first subscription.
    public var publisherDeclares: Declaration
    /// What a subscriber declares. Default: everything.
    public var subscriberDeclares: Declaration
    /// Arguments of the consumer, such as `x-priority`. Default: none.
    public var consumerArguments: AMQPTable

    /// Without arguments: a queue of the topic's name that goes with the broker, on the broker's own exchange.
    public init(
        exchange: Exchange = Exchange(),
        queue: Queue = Queue(),
        bindingKey: Name = .constant(""),
        bindingArguments: AMQPTable = [:],
        routingKey: Name = .topic,
        isPersistent: Bool = true,
        publisherDeclares: Declaration = .everything,
        subscriberDeclares: Declaration = .everything,
        consumerArguments: AMQPTable = [:]
    ) {
        self.exchange = exchange
        self.queue = queue
        self.bindingKey = bindingKey
        self.bindingArguments = bindingArguments
        self.routingKey = routingKey
        self.isPersistent = isPersistent
        self.publisherDeclares = publisherDeclares
        self.subscriberDeclares = subscriberDeclares
        self.consumerArguments = consumerArguments
    }

    /// Refuses what can be right for no topic; what depends on the topic shows when it is used.
    func validate() throws(ConfigurationError) {
        try ConfigurationCheck.all(of: "AMQPTopology") { check in
            let (topic, name) = (Topic("topic"), exchange.name)
            check(
                "exchange.type", !exchange.type.isEmpty || name.resolve?(topic).isEmpty == true,
                expected: "a type, where the exchange has a name")
            check("queue.name", queue.name.resolve?(topic).isEmpty != true, expected: "a name")
        }
    }

    /// The same topology with a place for what the queue drops.
    public func deadLettering(to target: DeadLetter) -> AMQPTopology {
        var copy = self
        copy.queue.arguments["x-dead-letter-exchange"] = .text(target.exchange)
        copy.queue.arguments["x-dead-letter-routing-key"] = target.routingKey.map { .text($0) }
        return copy
    }

    /// The same topology after `change`, so that one can be written as an expression.
    public func with(_ change: (inout AMQPTopology) -> Void) -> AMQPTopology {
        var copy = self
        change(&copy)
        return copy
    }
}
