import Logging
import Sluice

/// Makes messages of records.
struct RecordReader: Sendable {
    let topic: Topic
    let marshaler: any KafkaMarshaler
    let logger: Logger
    private let isWatermill: Bool

    init(topic: Topic, marshaler: any KafkaMarshaler, logger: Logger) {
        self.topic = topic
        self.marshaler = marshaler
        self.logger = logger
        isWatermill = marshaler is WatermillMarshaler
    }

    /// - Parameter failure: why the record holds no message, where that is so.
    func read(_ record: KafkaRecord, _ failure: inout (any Error)?) -> Message {
        do {
            // A marshaler of another package is not shown more than a message may have.
            let isExcessive = !isWatermill && record.headers.exceedLimits
            guard isWatermill || isExcessive else { return try marshaler.unmarshal(record, from: topic) }
            let (message, isCutOff) = WatermillMarshaler().read(record, from: topic)
            if isCutOff || isExcessive { throw MetadataError() }
            return message
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
            return WatermillMarshaler().read(record, from: topic).message
        }
    }
}
