public import Sluice

/// Turns messages into AMQP's and back.
public protocol AMQPMarshaler: Sendable {
    /// - Throws: an error that fails the publish; its disposition says what becomes of the message.
    func marshal(_ message: Message, to topic: Topic) throws -> AMQPPublishing

    /// - Throws: an error with which the delivery goes through the route, as a message that holds the body.
    func unmarshal(_ delivery: AMQPDelivery, from topic: Topic) throws -> Message
}

extension AMQPMarshaler where Self == WatermillAMQPMarshaler {
    /// Watermill's own form, with persistent messages.
    public static var watermill: WatermillAMQPMarshaler { WatermillAMQPMarshaler() }
}
