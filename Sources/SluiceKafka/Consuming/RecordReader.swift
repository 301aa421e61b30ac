internal import Logging
internal import Sluice

/// Makes messages of records.
struct RecordReader: Sendable {
    let topic: Topic
    let marshaler: any KafkaMarshaler
    let logger: Logger

    /// - Parameter failure: why the record holds no message, where that is so.
    func read(_ record: KafkaRecord, _ failure: inout (any Error)?) -> Message {
        do {
            return try marshaler.unmarshal(record, from: topic)
        } catch {
            let reason =
                error is any DispositionError
                ? error : KafkaError(.malformed, detail: "the marshaler cannot read a record: \(error)")
            logger.warning(
                "a record cannot be read",
                metadata: [
                    "partition": "\(record.partition ?? -1)", "offset": "\(record.offset ?? -1)", "error": "\(reason)",
                ])
            failure = reason
            return WatermillMarshaler().unmarshal(record, from: topic)
        }
    }
}
