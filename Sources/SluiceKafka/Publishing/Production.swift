import CRDKafka
import Sluice

/// The way of one publish's messages into the producer's queue.
struct Production: ~Copyable {
    private let messages: [Message]
    private let topic: Topic
    private let handle: TopicHandle
    // What the publisher was given for every message, so that none looks it up.
    private let key: KeySelector
    private let marshaler: any KafkaMarshaler
    private let timestamp: @Sendable (Message) -> Timestamp?
    private let client: ProducerClient
    private let call: PublishCall
    /// One for all messages: most of its memory is used again.
    private var record = KafkaRecord()
    private var batch: ProduceBatch
    private var next = 0

    init(
        _ messages: [Message], _ topic: Topic, _ handle: TopicHandle, publisher: KafkaPublisher,
        client: ProducerClient, call: PublishCall
    ) {
        self.messages = messages
        self.topic = topic
        self.handle = handle
        key = publisher.key
        marshaler = publisher.options.marshaler
        timestamp = publisher.options.timestamp
        self.client = client
        self.call = call
        batch = ProduceBatch(for: messages.count, largest: client.largestInBatch)
    }

    /// Returns when every message is in the queue or has failed, waiting for room as long as it takes.
    mutating func run() async {
        defer { call.settle(1) }
        var hasTurn = false
        var mustQueue = client.room.isCrowded
        while true {
            // Read first: whatever is made from now on counts as new.
            let seen = client.room.generation
            if !mustQueue, fill() { break }
            switch await client.room.wait(seen: mustQueue ? nil : seen, hasTurn: hasTurn) {
            case .turn: hasTurn = true
            case .tryAgain: break
            case .cancelled: return giveUp(CancellationError())
            case .closed: return giveUp(client.abortion ?? KafkaError(.closed, detail: "the producer has ended"))
            }
            mustQueue = false
        }
        if hasTurn { client.room.passOn() }
    }

    /// Puts messages into the queue until it is full.
    /// - Returns: whether none is left.
    private mutating func fill() -> Bool {
        // What fails here gets no report.
        var failed = 0
        defer { call.settle(failed) }
        while next < messages.count {
            do {
                try marshal(messages[next])
            } catch {
                call.fail(next, error)
                failed += 1
                next += 1
                continue
            }
            if !batch.append(record, call.token(next)) {
                guard flush(&failed) else { return false }
                // What has no place in an empty batch either goes alone.
                guard batch.append(record, call.token(next)) || produce(&failed) else { return false }
            }
            next += 1
        }
        return flush(&failed)
    }

    /// - Returns: false when the queue is full.
    private func produce(_ failed: inout Int) -> Bool {
        let code = client.produce(record, to: handle, opaque: call.token(next))
        if code == RD_KAFKA_RESP_ERR__QUEUE_FULL { return false }
        if code != RD_KAFKA_RESP_ERR_NO_ERROR {
            call.fail(next, client.failure(code))
            failed += 1
        }
        return true
    }

    /// - Returns: false when the queue is full.
    private mutating func flush(_ failed: inout Int) -> Bool {
        var refused = 0
        defer { failed += refused }
        return batch.flush(to: handle) { [call, client] token, code in
            call.fail(token.index, client.failure(code))
            refused += 1
        }
    }

    private mutating func marshal(_ message: Message) throws {
        record.key = key(message)
        record.value = nil
        record.headers.removeAll()
        record.timestamp = nil
        record.partition = nil
        try marshaler.marshal(message, to: topic, into: &record)
        if record.timestamp == nil { record.timestamp = timestamp(message) }
    }

    private mutating func giveUp(_ error: any Error) {
        var left = messages.count - next
        for index in next..<messages.count { call.fail(index, error) }
        batch.removeAll { [call] token in
            call.fail(token.index, error)
            left += 1
        }
        call.settle(left)
    }
}
