import CRDKafka
import Sluice

/// Records of one publish on their way into the producer's queue together: librdkafka then takes some of its locks and
/// looks at its clock once for many of them.
///
/// Its function for batches knows no headers: they wait in the record's token until it has made its message of the
/// record, and are added then (``addHeaders``).
///
/// It is to end empty: what it holds is its owner's to report on.
struct ProduceBatch: ~Copyable {
    /// How many records go together, and how long their keys and values may be in sum.
    private static let capacity = (records: 128, bytes: 32 << 10)

    private let messages: UnsafeMutableBufferPointer<rd_kafka_message_t>
    /// Keys and values, which librdkafka copies once more.
    private let bytes: UnsafeMutableRawBufferPointer
    private let largest: Int
    private var count = 0
    private var byteCount = 0
    /// How many of them librdkafka has taken or refused.
    private var done = 0

    /// - Parameters:
    ///   - count: how many records there will be in all. One alone is better off without a batch.
    ///   - largest: how many bytes a record may have to be part of one.
    init(for count: Int, largest: Int) {
        guard count > 1 else {
            messages = UnsafeMutableBufferPointer(start: nil, count: 0)
            bytes = UnsafeMutableRawBufferPointer(start: nil, count: 0)
            self.largest = 0
            return
        }
        let records = min(count, Self.capacity.records)
        messages = .allocate(capacity: records)
        messages.initialize(repeating: rd_kafka_message_t())
        bytes = .allocate(byteCount: min(records << 10, Self.capacity.bytes), alignment: 1)
        self.largest = min(largest, bytes.count)
    }

    deinit {
        messages.deallocate()
        bytes.deallocate()
    }

    /// - Parameter token: comes back with the report, and holds the headers until then.
    /// - Returns: false where there is no room, or where the record needs more than a batch can do for it: a partition or
    ///   a time of its own, or more bytes.
    mutating func append(_ record: borrowing KafkaRecord, _ token: UnsafeMutablePointer<PublishCall.Token>) -> Bool {
        let size = (record.key?.count ?? 0) + (record.value?.count ?? 0)
        guard count < messages.count, size <= bytes.count - byteCount,
            size + record.headers.byteCount <= largest, record.partition == nil, record.timestamp == nil
        else { return false }
        var message = rd_kafka_message_t()
        message.partition = RD_KAFKA_PARTITION_UA
        if let value = record.value { (message.payload, message.len) = copy(value) }
        if let key = record.key { (message.key, message.key_len) = copy(key) }
        message._private = UnsafeMutableRawPointer(token)
        token.pointee.headers = record.headers.native()
        messages[count] = message
        count += 1
        return true
    }

    private mutating func copy(_ source: [UInt8]) -> (UnsafeMutableRawPointer?, Int) {
        let target = UnsafeMutableRawBufferPointer(rebasing: bytes[byteCount..<(byteCount + source.count)])
        target.copyBytes(from: source)
        byteCount += source.count
        // Null would be another thing than no bytes.
        return (target.baseAddress ?? bytes.baseAddress, source.count)
    }

    /// Hands the records over.
    /// - Parameter refused: is told of each that cannot be published.
    /// - Returns: false when the producer's queue is full; the batch then keeps the rest.
    mutating func flush(
        to topic: TopicHandle, refused: (PublishCall.Token, rd_kafka_resp_err_t) -> Void
    ) -> Bool {
        guard done < count, let base = messages.baseAddress else { return true }
        let taken = rd_kafka_produce_batch(
            topic.pointer, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, base + done, Int32(count - done))
        if Int(taken) < count - done {
            for index in done..<count where messages[index].err != RD_KAFKA_RESP_ERR_NO_ERROR {
                if messages[index].err == RD_KAFKA_RESP_ERR__QUEUE_FULL {
                    // And so for all that come after it.
                    done = index
                    return false
                }
                guard let token = Self.token(of: messages[index]) else { continue }
                token.pointee.destroyHeaders()
                refused(token.pointee, messages[index].err)
            }
        }
        (count, byteCount, done) = (0, 0, 0)
        return true
    }

    /// Takes the records back that librdkafka has not taken.
    mutating func removeAll(_ body: (PublishCall.Token) -> Void) {
        for message in messages[done..<count] {
            guard let token = Self.token(of: message) else { continue }
            token.pointee.destroyHeaders()
            body(token.pointee)
        }
        (count, byteCount, done) = (0, 0, 0)
    }

    /// Gives a message that librdkafka has made the headers that wait for it.
    ///
    /// An interceptor must not change the message, but for its headers, which librdkafka's own tests change there
    /// (`tests/0073-headers.c`).
    static let addHeaders: NativeClient.OnSend = { _, message, _ in
        guard let message, let token = token(of: message.pointee), let headers = token.pointee.headers else {
            return RD_KAFKA_RESP_ERR_NO_ERROR
        }
        token.pointee.headers = nil
        rd_kafka_message_set_headers(message, headers)
        return RD_KAFKA_RESP_ERR_NO_ERROR
    }

    private static func token(of message: rd_kafka_message_t) -> UnsafeMutablePointer<PublishCall.Token>? {
        message._private?.assumingMemoryBound(to: PublishCall.Token.self)
    }
}

extension PublishCall.Token {
    /// The headers belong to librdkafka from the moment that it has made its message, whatever becomes of that.
    fileprivate mutating func destroyHeaders() {
        if let headers { rd_kafka_headers_destroy(headers) }
        headers = nil
    }
}
