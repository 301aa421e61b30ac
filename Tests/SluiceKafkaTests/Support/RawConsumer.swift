import CRDKafka
import Sluice
import SluiceTesting

@testable import SluiceKafka

/// Reads what a topic holds with librdkafka directly, so that nothing of Sluice's own reading is trusted.
final class RawConsumer {
    private let client: NativeClient
    private let topic: Topic
    /// Everything read so far.
    private(set) var records: [RawRecord] = []

    /// Reads every partition from its beginning.
    init(_ kafka: KafkaUnderTest, _ topic: Topic, group: String = "raw") throws {
        let monitor = ClientMonitor(secrets: SecretTexts(), logger: .silent, meter: nil)
        let configuration = try kafka.configuration.native(
            options: [], required: [("group.id", group), ("enable.auto.commit", "false")])
        client = try NativeClient(.consumer, configuration, monitor: monitor)
        self.topic = topic
    }

    deinit {
        client.destroy()
    }

    /// Reads on until `count` records have been read in all.
    @discardableResult
    func read(_ count: Int, within limit: Duration = .seconds(60)) async throws -> [RawRecord] {
        try await assignIfNeeded()
        try await eventually("\(count) records in \(topic)", within: limit) {
            take()
            return records.count >= count
        }
        return records
    }

    /// Reads on until `isEnough` says so of all that was read.
    @discardableResult
    func read(
        within limit: Duration = .seconds(60), until isEnough: ([RawRecord]) -> Bool
    ) async throws -> [RawRecord] {
        try await assignIfNeeded()
        try await eventually("enough records in \(topic)", within: limit) {
            take()
            return isEnough(records)
        }
        return records
    }

    /// Commits for the group where it is to go on.
    func commit(_ offsets: [Int32: Int64]) throws {
        let list = PartitionList()
        for (partition, offset) in offsets { list.append(topic.name, partition, offset: offset) }
        let code = rd_kafka_commit(client.handle, list.handle, 0)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(code) }
    }

    /// The consumer in its group, for a transaction.
    var groupMetadata: KafkaGroupMetadata {
        get throws {
            guard let metadata = KafkaGroupMetadata(of: client) else {
                throw KafkaError(RD_KAFKA_RESP_ERR__UNKNOWN_GROUP)
            }
            return metadata
        }
    }

    private var isAssigned = false

    private func assignIfNeeded() async throws {
        guard !isAssigned else { return }
        isAssigned = true
        var partitions: [Int32] = []
        try await eventually("the partitions of \(topic)") {
            partitions =
                try AdminCall(client, deadline: .now().advanced(by: .seconds(10))).partitions(of: topic.name) ?? []
            return !partitions.isEmpty
        }
        let list = PartitionList()
        for partition in partitions { list.append(topic.name, partition, offset: Int64(RD_KAFKA_OFFSET_BEGINNING)) }
        let code = rd_kafka_assign(client.handle, list.handle)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(code) }
    }

    private func take() {
        while let message = rd_kafka_consumer_poll(client.handle, 5) {
            defer { rd_kafka_message_destroy(message) }
            guard message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR else { continue }
            records.append(Self.copy(message))
        }
    }

    private static func copy(_ message: UnsafeMutablePointer<rd_kafka_message_t>) -> RawRecord {
        func bytes(_ start: UnsafeRawPointer?, _ count: Int) -> [UInt8]? {
            start.map { Array(UnsafeRawBufferPointer(start: $0, count: count)) }
        }
        let lent = message.pointee
        var record = RawRecord()
        record.partition = lent.partition
        record.offset = lent.offset
        record.key = bytes(lent.key, lent.key_len)
        record.value = bytes(lent.payload, lent.len)
        var kind = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE
        record.timestamp = rd_kafka_message_timestamp(message, &kind)
        var headers: OpaquePointer?
        guard rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR, let headers else {
            return record
        }
        var index = 0
        var name: UnsafePointer<CChar>?
        var value: UnsafeRawPointer?
        var size = 0
        while rd_kafka_header_get_all(headers, index, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR {
            record.headers.append(
                RawRecord.Header(name: name.map { Array(String(cString: $0).utf8) } ?? [], value: bytes(value, size)))
            index += 1
        }
        return record
    }
}
