public import Sluice

/// The form of watermill-kafka's default marshaler: the payload is the value, the id the header
/// ``idHeader``, and each entry of the metadata a header of its own.
///
/// Records of any other producer can be read too: one without an id is named by its place in the log, so that it has
/// the same id at each delivery; a null value gives an empty payload; of headers with one name the last counts; bytes
/// of headers that are not UTF-8 are replaced. Headers beyond `MetadataLimits` are left out, and a
/// subscriber delivers such a message as one that cannot be read.
public struct WatermillMarshaler: KafkaMarshaler {
    /// The header that holds a message's id. An entry of this name in the metadata is not published.
    public static let idHeader = "_watermill_message_uuid"

    public init() {}

    public func marshal(_ message: Message, to topic: Topic, into record: inout KafkaRecord) {
        record.value = message.payload
        record.headers.append(Self.idHeader, message.id)
        for entry in message.metadata where entry.name != Self.idHeader {
            record.headers.append(entry.name, entry.value)
        }
    }

    public func unmarshal(_ record: KafkaRecord, from topic: Topic) -> Message {
        read(record, from: topic).message
    }

    /// - Returns: the message with the headers that are within the limits, and whether there were more.
    func read(_ record: KafkaRecord, from topic: Topic) -> (message: Message, isCutOff: Bool) {
        var id: MessageID?
        var reader = MetadataReader()
        var isFirst = true
        for index in record.headers.indices {
            if record.headers.hasName(Self.idHeader, at: index) {
                id = record.headers.withValue(at: index) { value in
                    value.flatMap { $0.isEmpty ? nil : MessageID(utf8: $0) }
                }
            } else if !reader.isCutOff {
                if isFirst { reader.reserveCapacity(record.headers.count - index) }
                isFirst = false
                reader.take(record.headers.name(at: index), record.headers.text(at: index) ?? "")
            }
        }
        let message = Message(
            id: id ?? MessageID("\(topic)/\(record.partition ?? 0)/\(record.offset ?? 0)"), metadata: reader.metadata,
            payload: record.value ?? [])
        return (message, reader.isCutOff)
    }
}
