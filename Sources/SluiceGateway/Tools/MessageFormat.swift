import Foundation
public import Sluice

/// How messages are written in text, one a line.
public enum MessageFormat: String, Sendable, CaseIterable {
    /// The payload and nothing else. A payload that holds line breaks takes several lines.
    case lines
    /// A JSON object: `id`, `metadata` (an object of strings), and `payload`. Bytes that are not text are in
    /// `payload_base64` instead. What is read may be any JSON in `payload`: what is not a string is taken as it is.
    case json

    /// The message of a line.
    /// - Throws: ``MessageFormatError`` that says what is wrong with it.
    public func decode(_ line: [UInt8]) throws(MessageFormatError) -> Message {
        switch self {
        case .lines: Message(payload: line)
        case .json: try Self.decodeJSON(line)
        }
    }

    /// The line of a message, with its end. JSON also tells what the broker knows: topic, partition, offset, time, key,
    /// attempt.
    public func encode(_ message: Message, _ origin: Delivery.Origin, topic: Topic) -> [UInt8] {
        switch self {
        case .lines: message.payload + [UInt8(ascii: "\n")]
        case .json: Self.encodeJSON(message, origin, topic) + [UInt8(ascii: "\n")]
        }
    }

    private static func decodeJSON(_ line: [UInt8]) throws(MessageFormatError) -> Message {
        guard let object = try? JSONSerialization.jsonObject(with: Data(line)) as? [String: Any] else {
            throw MessageFormatError("not a JSON object")
        }
        let known: Set = [
            "id", "metadata", "payload", "payload_base64", "topic", "partition", "offset", "timestamp", "key",
            "attempt",
        ]
        if let unknown = object.keys.filter({ !known.contains($0) }).min() {
            throw MessageFormatError("the member \(unknown.truncated(toBytes: 40)) is not known")
        }
        var message = Message(payload: try payload(of: object))
        switch object["id"] {
        case nil: break
        case let id as String where !id.isEmpty: message.id = MessageID(id)
        default: throw MessageFormatError("id is not a string")
        }
        if let value = object["metadata"] {
            guard let metadata = value as? [String: String] else {
                throw MessageFormatError("metadata is not an object of strings")
            }
            var reader = MetadataReader()
            for (name, value) in metadata.sorted(by: { $0.key < $1.key }) { reader.take(name, value) }
            guard !reader.isCutOff else { throw MessageFormatError("\(MetadataError())") }
            message.metadata = reader.metadata
        }
        return message
    }

    private static func payload(of object: [String: Any]) throws(MessageFormatError) -> [UInt8] {
        switch (object["payload"], object["payload_base64"]) {
        case (let text as String, nil):
            return Array(text.utf8)
        case (let value?, nil):
            let options: JSONSerialization.WritingOptions = [.fragmentsAllowed, .sortedKeys, .withoutEscapingSlashes]
            guard let data = try? JSONSerialization.data(withJSONObject: value, options: options) else {
                throw MessageFormatError("payload cannot be written as JSON")
            }
            return [UInt8](data)
        case (nil, let text as String):
            guard let data = Data(base64Encoded: text) else {
                throw MessageFormatError("payload_base64 is not Base64")
            }
            return [UInt8](data)
        default:
            throw MessageFormatError("neither payload nor payload_base64, or both")
        }
    }

    private static func encodeJSON(_ message: Message, _ origin: Delivery.Origin, _ topic: Topic) -> [UInt8] {
        JSONWriter.object(capacity: message.payload.count + 256) { json in
            json.member("topic", topic.name)
            if let partition = origin.partition { json.member("partition", Int64(partition)) }
            if let offset = origin.offset { json.member("offset", offset) }
            json.member("timestamp", ifPresent: origin.timestamp.map(RFC3339.format))
            json.member("key", ifPresent: origin.key.map { String(decoding: $0, as: UTF8.self) })
            if origin.attempt > 1 { json.member("attempt", Int64(origin.attempt)) }
            json.member("id", message.id.description)
            json.name("metadata")
            json.object { json in
                for entry in message.metadata { json.member(entry.name, entry.value) }
            }
            if let text = String(validating: message.payload, as: UTF8.self) {
                json.member("payload", text)
            } else {
                json.member("payload_base64", Data(message.payload).base64EncodedString())
            }
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
