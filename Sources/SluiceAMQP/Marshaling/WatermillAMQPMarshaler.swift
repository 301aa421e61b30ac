public import Sluice

/// The form of watermill-amqp's default marshaler: the payload is the body, the id the header ``idHeader``, and each
/// entry of the metadata a header with text.
///
/// Messages of any other client can be read too. Headers of every type become text (``AMQPValue``); the other
/// properties become metadata named `amqp_content_type`, `amqp_correlation_id` and so on, and entries so named become
/// properties again. A message without an id header has its `message-id` as id, or a new one; an empty id is none.
///
/// What the broker knows of a message's past is metadata too: `amqp_redelivered` is `true` on every delivery but the
/// first, and the headers `x-delivery-count` (how often a quorum queue has delivered it before), `x-death` and
/// `x-first-death-…` (which queues have dropped it) keep their names. None of it is published again, because it says
/// nothing of another message.
public struct WatermillAMQPMarshaler: AMQPMarshaler {
    /// The header that holds a message's id. An entry of this name in the metadata is not published.
    public static let idHeader = "_watermill_message_uuid"

    /// Whether durable queues keep the messages over a restart of the broker. Default true.
    public var isPersistent = true

    public init(isPersistent: Bool = true) {
        self.isPersistent = isPersistent
    }

    public func marshal(_ message: Message, to topic: Topic) -> AMQPPublishing {
        var publishing = AMQPPublishing(body: message.payload)
        publishing.properties.isPersistent = isPersistent
        publishing.properties.headers.reserveCapacity(message.metadata.count + 1)
        publishing.properties.headers.append(Self.idHeader, .text(message.id.description))
        for entry in message.metadata where !BrokerHeaders.isBrokers(entry.name) && entry.name != Self.idHeader {
            if entry.name.hasPrefix(Self.propertyPrefix) {
                if entry.name == Self.redelivered || publishing.properties.take(entry) { continue }
            }
            publishing.properties.headers.append(entry.name, .text(entry.value))
        }
        return publishing
    }

    /// Headers beyond `MetadataLimits` are left out, and a subscriber delivers such a message as one that cannot be
    /// read.
    public func unmarshal(_ delivery: AMQPDelivery, from topic: Topic) -> Message {
        read(delivery).message
    }

    /// - Returns: the message with the headers that are within the limits, and whether there were more.
    func read(_ delivery: AMQPDelivery) -> (message: Message, isCutOff: Bool) {
        var id: MessageID?
        var given: String?
        var reader = MetadataReader()
        for header in delivery.properties.headers {
            if header.name == Self.idHeader {
                let text = header.value.description
                id = text.isEmpty ? nil : MessageID(text)
            } else if header.name == BrokerHeaders.id {
                given = header.value.description
            } else if !BrokerHeaders.isOurs(header.name), !reader.isCutOff {
                reader.take(header.name, header.value.description)
            }
        }
        delivery.properties.write(to: &reader)
        if delivery.isRedelivered { reader.take(Self.redelivered, "true") }
        // An empty id is none: every message of a client that sends it would have the same.
        let named = [delivery.properties.messageID, given].compactMap(\.self).first { !$0.isEmpty }
        let message = Message(
            id: id ?? named.map { MessageID($0) } ?? MessageID(), metadata: reader.metadata, payload: delivery.body)
        return (message, reader.isCutOff)
    }

    private static let propertyPrefix = "amqp_"
    /// The flag of a delivery, which is no property.
    private static let redelivered = "amqp_redelivered"
}

/// Headers that no user wrote.
enum BrokerHeaders {
    /// Which delivery of the message the next one is, written by a subscriber that lets a rejected message wait.
    static let attempt = "x-sluice-attempt"
    /// How far a message has come that waits for its next attempt (``ProgressHeader``).
    static let progress = "x-sluice-progress"
    /// What a message without an id was called at its first delivery.
    static let id = "x-sluice-id"
    /// Where a message that waited was published at first.
    static let exchange = "x-sluice-exchange"
    static let routingKey = "x-sluice-routing-key"

    /// How often a quorum queue has delivered the message before.
    static let deliveryCount = "x-delivery-count"

    static func isOurs(_ name: String) -> Bool {
        name.hasPrefix("x-sluice-")
    }

    /// Whether a broker or a subscriber keeps its books in it: such a header says nothing of another message.
    static func isBrokers(_ name: String) -> Bool {
        guard name.hasPrefix("x-") else { return false }
        return isOurs(name) || name == "x-death" || name.hasPrefix("x-first-death-") || name.hasPrefix("x-last-death-")
            || name == deliveryCount
    }
}

extension AMQPProperties {
    /// - Returns: whether the entry names a property that can be published.
    fileprivate mutating func take(_ entry: Metadata.Entry) -> Bool {
        if let text = Self.texts.first(where: { $0.name == entry.name }) {
            // One that cannot be a property stays a header.
            guard entry.value.utf8.count <= 255 else { return false }
            if text.isPublished { self[keyPath: text.path] = entry.value }
            return true
        }
        switch entry.name {
        case "amqp_timestamp":
            guard let seconds = UInt64(entry.value) else { return false }
            timestamp = seconds
        case "amqp_priority":
            guard let number = UInt8(entry.value) else { return false }
            priority = number
        default: return false
        }
        return true
    }

    fileprivate func write(to reader: inout MetadataReader) {
        for text in Self.texts {
            if let value = self[keyPath: text.path] { reader.take(text.name, value) }
        }
        if let timestamp { reader.take("amqp_timestamp", "\(timestamp)") }
        if let priority { reader.take("amqp_priority", "\(priority)") }
    }
}
