import Logging
import Sluice
import SluiceTesting
import Synchronization
import Testing

@testable import SluiceKafka

/// Whatever lies in a topic can be read.
@Suite(.timeLimit(.minutes(10)))
struct RecordTests {
    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test func readsRecordsOfAnyProducer() async throws {
        let kafka = try KafkaUnderTest(brokers: 1)
        let topic = try await kafka.topic()
        let producer = try RawProducer(kafka.configuration)
        let id = "018f2c5e-7a00-7b00-8c00-0123456789ab"
        // As watermill-kafka's default marshaler writes it.
        try producer.produce(
            bytes("payload"), key: bytes("k"),
            headers: [("_watermill_message_uuid", bytes(id)), ("stadt", bytes("Zürich 🚀")), ("leer", [])],
            partition: 2, timestamp: 1_700_000_000_123, to: topic)
        // A tombstone, an empty value, no headers, a null header, bytes that are no text, a name twice.
        try producer.produce(nil, key: bytes("k"), partition: 2, to: topic)
        try producer.produce([], partition: 2, to: topic)
        try producer.produce(
            [0, 0xFF],
            headers: [("null", nil), ("binary", [0xFF, 0xFE]), ("twice", bytes("a")), ("twice", bytes("b"))],
            partition: 2, to: topic)
        try producer.flush()
        let subscriber = try kafka.subscriber(kafka.uniqueGroup())
        let deliveries = try await subscriber.subscribe(to: topic).receive(4)
        let first = deliveries[0]
        #expect(
            first.message
                == Message(
                    id: MessageID(id), metadata: ["stadt": "Zürich 🚀", "leer": ""], payload: bytes("payload")))
        #expect(first.origin.key == bytes("k") && first.origin.partition == 2 && first.origin.offset == 0)
        #expect(first.origin.timestamp?.millisecondsSince1970 == 1_700_000_000_123)
        #expect(deliveries[1].message.payload.isEmpty && deliveries[1].origin.key == bytes("k"))
        #expect(deliveries[1].message.id == MessageID("\(topic)/2/1"))
        #expect(deliveries[2].message.payload.isEmpty && deliveries[2].origin.key == nil)
        let last = deliveries[3].message
        #expect(last.payload == [0, 0xFF] && last.metadata["null"] == "" && last.metadata["twice"] == "b")
        #expect(last.metadata["binary"] == "\u{FFFD}\u{FFFD}")
        await subscriber.close()
    }

    @Test func carriesAnyTextInMetadata() async throws {
        let kafka = try KafkaUnderTest(brokers: 1)
        let topic = try await kafka.topic()
        let metadata: Metadata = ["stadt": "Zürich", "名前": "東京", "emoji": "🚀🇨🇭", "decomposed": "e\u{301}"]
        let message = Message(metadata: metadata, payload: [1])
        let publisher = try KafkaPublisher(of: kafka)
        try await publisher.publish([message], to: topic)
        let subscriber = try kafka.subscriber(nil)
        let delivery = try await subscriber.subscribe(to: topic).receive(1)[0]
        #expect(delivery.message == message)
        await subscriber.close()
        await publisher.close()
    }

    /// Malformed, it goes through the chain, is moved, and comes never again.
    @Test func poisonsARecordThatTheMarshalerCannotRead() async throws {
        let kafka = try KafkaUnderTest(brokers: 1)
        let topic = try await kafka.topic()
        let producer = try RawProducer(kafka.configuration)
        try producer.produce(bytes("broken"), headers: [("kept", bytes("too"))], partition: 0, to: topic)
        try producer.produce(
            bytes("good"), headers: [("_watermill_message_uuid", bytes("an id"))], partition: 0, to: topic)
        try producer.flush()
        var options = KafkaUnderTest.quick
        options.marshaler = StrictMarshaler()
        let subscriber = try kafka.subscriber(kafka.uniqueGroup(), options)
        let poison = RecordingPublisher()
        let handled = Mutex<[String]>([])
        let router = Router(middlewares: [PoisonQueue(to: poison, "poison"), Retry()], logger: .silent)
        try router.add(
            Route("r", from: subscriber, topic) { message, _ in handled.withLock { $0.append(message.text) } })
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { try await router.run() }
            try await eventually("the good record") { handled.withLock(\.self) == ["good"] }
            group.cancelAll()
        }
        await subscriber.close()
        let record = try #require(poison.records.first)
        #expect(poison.records.count == 1)
        #expect(record.message.payload == bytes("broken") && record.message.metadata["kept"] == "too")
        #expect(record.message.metadata["reason_poisoned"]?.contains("cannot read") == true)
        #expect(record.message.metadata["offset_poisoned"] == "0")
    }

    /// Looked for one by one, the names of these take minutes.
    @Test(arguments: [50_000, MetadataLimits.count + 1])
    func poisonsARecordWithMoreHeadersThanAMessageMayHave(count: Int) async throws {
        let kafka = try KafkaUnderTest(brokers: 1)
        let topic = try await kafka.topic()
        let producer = try RawProducer(kafka.configuration)
        try producer.produce(
            bytes("many"), headers: (0..<count).map { ("header \($0)", bytes("v")) }, partition: 0, to: topic)
        try producer.produce(texts: ["good"], partition: 0, to: topic)
        let poison = RecordingPublisher()
        let reading = try ReadingRoute(
            kafka.subscriber(kafka.uniqueGroup()), topic, .serial,
            middlewares: [PoisonQueue(to: poison, "poison"), Retry()])
        try await reading.run {
            try await eventually("the record behind it") { reading.texts == ["good"] }
        }
        let moved = try #require(poison.records.first).message
        #expect(moved.payload == bytes("many") && moved.metadata.count == MetadataLimits.count)
        #expect(moved.metadata["header 0"] == "v" && moved.metadata["offset_poisoned"] == "0")
        #expect(moved.metadata["reason_poisoned"]?.contains("\(MetadataLimits.count) entries") == true)
    }

    /// The copy with its metadata is larger than a producer takes, and the route must go on.
    @Test func aRecordThatIsTooLargeToBePoisonedWholeHoldsUpNothing() async throws {
        let kafka = try KafkaUnderTest(brokers: 1)
        let topic = try await kafka.topic()
        let poison = try await kafka.topic("poison")
        let producer = try RawProducer(kafka.configuration)
        try producer.produce(Array(repeating: 0x2E, count: 999_900), partition: 0, to: topic)
        try producer.produce(texts: ["good"], partition: 0, to: topic)
        let publisher = try KafkaPublisher(of: kafka)
        let reading = try ReadingRoute(
            kafka.subscriber(kafka.uniqueGroup()), topic, .serial,
            middlewares: [PoisonQueue(to: publisher, poison, filter: .permanent), Retry()]
        ) { message, _ in
            if message.payload.count > 100 {
                throw HandlerError("nonsense", reason: "nonsense", disposition: .poison("nonsense"))
            }
        }
        try await reading.run {
            try await eventually("the record behind it") { reading.texts == ["good"] }
        }
        let subscriber = try kafka.subscriber(nil)
        let moved = try await subscriber.subscribe(to: poison).receive(1)[0].message
        #expect(moved.payload.count == 499_950 && moved.metadata["truncated_poisoned"] == "999900")
        #expect(moved.metadata["topic_poisoned"] == topic.name && moved.metadata["offset_poisoned"] == "0")
        #expect(moved.metadata["partition_poisoned"] == "0")
        await subscriber.close()
        await publisher.close()
    }
}
