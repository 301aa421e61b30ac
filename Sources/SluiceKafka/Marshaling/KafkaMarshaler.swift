public import Sluice

/// Turns messages into records and back.
public protocol KafkaMarshaler: Sendable {
    /// Writes the message into `record`, which is empty but for the key that the publisher's `KeySelector` chose.
    /// - Throws: an error that fails the publish; its disposition says what becomes of the message.
    func marshal(_ message: Message, to topic: Topic, into record: inout KafkaRecord) throws

    /// Reads the message out of a record.
    /// - Throws: an error with which the record goes through the route, as a message that holds the record's bytes.
    func unmarshal(_ record: KafkaRecord, from topic: Topic) throws -> Message
}

extension KafkaMarshaler where Self == WatermillMarshaler {
    /// Watermill's own form.
    public static var watermill: WatermillMarshaler { WatermillMarshaler() }
}
