public import Sluice

/// How messages are written in text, one a line.
public enum MessageFormat: String, Sendable, CaseIterable {
    /// The payload and nothing else. A payload that holds line breaks takes several lines.
    case lines
    /// A JSON object: `id`, `metadata` (an object of strings), `key`, and `payload`, which is null where there is none at
    /// all. Bytes that are not text are in `payload_base64` and `key_base64` instead; `metadata_base64` holds the
    /// values of metadata that are not text, which `metadata` shows as well as it can. What is read may be any JSON in
    /// `payload`: what is neither a string nor null is taken as it is written.
    case json

    /// The message of a line.
    /// - Throws: ``MessageFormatError`` that says what is wrong with it.
    public func decode(_ line: [UInt8]) throws(MessageFormatError) -> Message {
        try decodeCarried(line).message
    }

    /// The message of a line, with its key and all that a `Message` does not hold.
    /// - Throws: ``MessageFormatError`` that says what is wrong with it.
    public func decodeCarried(_ line: [UInt8]) throws(MessageFormatError) -> CarriedMessage {
        switch self {
        case .lines: CarriedMessage(Message(payload: line))
        case .json: try MessageJSON.decode(line)
        }
    }

    /// The line of a message, with its end. JSON also tells what the broker knows: topic, partition, offset, time, key,
    /// attempt.
    public func encode(_ message: Message, _ origin: Delivery.Origin, topic: Topic) -> [UInt8] {
        encode(CarriedMessage(message, key: origin.key), origin, topic: topic)
    }

    /// The line of a message, with its end.
    public func encode(_ message: CarriedMessage, _ origin: Delivery.Origin, topic: Topic) -> [UInt8] {
        switch self {
        case .lines: message.message.payload + [UInt8(ascii: "\n")]
        case .json: MessageJSON.encode(message, origin, topic) + [UInt8(ascii: "\n")]
        }
    }
}

/// A line that is no message.
public struct MessageFormatError: Error, CustomStringConvertible {
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}
