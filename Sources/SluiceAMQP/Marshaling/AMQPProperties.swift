/// The properties of a message (AMQP 0-9-1, 1.8; <https://www.rabbitmq.com/publishers.html#message-properties>).
public struct AMQPProperties: Sendable, Hashable {
    public var headers = AMQPTable()
    /// Whether a durable queue keeps the message over a restart of the broker. Default true.
    public var isPersistent = true
    /// The media type of the body, such as `application/json`.
    public var contentType: String?
    public var contentEncoding: String?
    public var correlationID: String?
    public var replyTo: String?
    public var messageID: String?
    /// The kind of message.
    public var type: String?
    /// The program that published it.
    public var appID: String?
    /// The user that published it, as the broker has verified.
    public var userID: String?
    /// In milliseconds, as text: after what time a queue drops it.
    public var expiration: String?
    /// In seconds since 1970.
    public var timestamp: UInt64?
    /// 0 to 9, for queues with priorities.
    public var priority: UInt8?

    public init() {}

    /// Every text property with its path, its name in metadata, and whether publishing takes it from there.
    static let texts:
        [(path: any WritableKeyPath<AMQPProperties, String?> & Sendable, name: String, isPublished: Bool)] = [
            (\.contentType, "amqp_content_type", true),
            (\.contentEncoding, "amqp_content_encoding", true),
            (\.correlationID, "amqp_correlation_id", true),
            (\.replyTo, "amqp_reply_to", true),
            (\.messageID, "amqp_message_id", true),
            (\.type, "amqp_type", true),
            (\.appID, "amqp_app_id", true),
            // A broker refuses messages in another user's name, and a copy does not expire when the original did.
            (\.userID, "amqp_user_id", false),
            (\.expiration, "amqp_expiration", false),
        ]

    /// How many bytes it takes on the wire, at most.
    var size: Int {
        Self.texts.reduce(32 + headers.size) { $0 + (self[keyPath: $1.path]?.utf8.count ?? 0) + 1 }
    }

    /// Whether every text fits into its byte of length.
    var isEncodable: Bool {
        headers.isEncodable && Self.texts.allSatisfy { (self[keyPath: $0.path]?.utf8.count ?? 0) <= 255 }
    }
}
