/// A message as the broker delivered it.
public struct AMQPDelivery: Sendable {
    public var properties: AMQPProperties
    public var body: [UInt8]
    /// Where it was published; empty for the default exchange.
    public var exchange: String
    public var routingKey: String
    /// Whether the broker has delivered it before.
    public var isRedelivered: Bool
    /// The queue that it was read from.
    public var queue: String

    public init(
        properties: AMQPProperties, body: [UInt8], exchange: String = "", routingKey: String = "",
        isRedelivered: Bool = false, queue: String = ""
    ) {
        self.properties = properties
        self.body = body
        self.exchange = exchange
        self.routingKey = routingKey
        self.isRedelivered = isRedelivered
        self.queue = queue
    }
}

/// A message as it is published.
public struct AMQPPublishing: Sendable {
    public var properties = AMQPProperties()
    public var body: [UInt8]

    public init(body: [UInt8]) {
        self.body = body
    }
}
