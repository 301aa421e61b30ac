internal import Logging
internal import Sluice

/// Makes messages of records.
struct RecordReader: Sendable {
    let topic: Topic
    let marshaler: any KafkaMarshaler
    let logger: Logger

    /// - Returns: the message, and what is known of it beside.
    func read(_ record: KafkaRecord) -> (Message, Delivery.Origin) {
        var origin = Delivery.Origin(
            partition: record.partition, offset: record.offset, timestamp: record.timestamp, key: record.key)
        do {
            return (try marshaler.unmarshal(record, from: topic), origin)
        } catch {
            let failure =
                error is any DispositionError
                ? error : KafkaError(.malformed, detail: "the marshaler cannot read a record: \(error)")
            logger.warning(
                "a record cannot be read",
                metadata: [
                    "partition": "\(record.partition ?? -1)", "offset": "\(record.offset ?? -1)", "error": "\(failure)",
                ])
            origin.failure = failure
            return (WatermillMarshaler().unmarshal(record, from: topic), origin)
        }
    }
}
