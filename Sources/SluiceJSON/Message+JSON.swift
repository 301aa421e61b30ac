public import FoundationEssentials
public import Sluice

extension Message {
    /// A message whose payload is this value in JSON.
    ///
    /// ```swift
    /// return [try .json(invoice, metadata: ["customer": order.customer])]
    /// ```
    /// - Parameters:
    ///   - value: what is encoded.
    ///   - id: a new UUIDv7 unless given.
    ///   - metadata: what travels beside it. Default: nothing.
    ///   - encoder: for dates, keys and the like. Default: one with sorted keys, so that equal values have equal payloads.
    /// - Throws: what the value's encoding throws. A handler that lets it through poisons the message, because trying again
    ///   would not help.
    public static func json(
        _ value: some Encodable, id: MessageID = MessageID(), metadata: Metadata = [:], encoder: JSONEncoder = .message
    ) throws -> Message {
        do {
            return Message(id: id, metadata: metadata, payload: Array(try encoder.encode(value)))
        } catch {
            throw MessageEncodingError(type: "\(type(of: value))", underlying: error)
        }
    }

    /// The value whose JSON the payload is.
    ///
    /// ```swift
    /// let order = try message.json(Order.self)
    /// ```
    /// - Throws: ``MessageDecodingError``, which poisons the message and says what is wrong where.
    public func json<Value: Decodable>(
        _ type: Value.Type = Value.self, decoder: JSONDecoder = JSONDecoder()
    ) throws(MessageDecodingError) -> Value {
        do {
            return try decoder.decode(type, from: Data(payload))
        } catch {
            throw MessageDecodingError(error, type: "\(type)")
        }
    }
}

extension JSONEncoder {
    /// What `Message.json(_:id:metadata:encoder:)` encodes with: keys are sorted, slashes are left as they are.
    public static var message: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }
}
