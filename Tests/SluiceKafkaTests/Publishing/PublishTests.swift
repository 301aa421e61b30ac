import CRDKafka
import Sluice
import SluiceTesting
import Testing

@testable import SluiceKafka

@Suite(.timeLimit(.minutes(10)))
struct PublishTests {
    @Test func returnsWhenTheBrokersHaveTheMessages() async throws {
        let kafka = try KafkaUnderTest()
        let topic = try await kafka.topic()
        let publisher = try KafkaPublisher(of: kafka)
        try await publisher.publish((0..<500).map { "m\($0)" }, to: topic)
        try await publisher.publish([Message](), to: topic)
        #expect(publisher.connectionState == KafkaConnectionState(isConnected: true, reason: nil))
        #expect(try await RawConsumer(kafka, topic).read(500).texts == Set((0..<500).map { "m\($0)" }))
        try await eventually("statistics") { publisher.statistics?.brokersUp ?? 0 > 0 }
        await publisher.close()
        #expect(publisher.name == "kafka")
        #expect(publisher.connectionState == KafkaConnectionState(isConnected: false, reason: "closed"))
    }

    @Test func writesTheBytesOfWatermillsMarshaler() async throws {
        let kafka = try KafkaUnderTest()
        let topic = try await kafka.topic()
        let message = Message(
            id: "6e0d1a5c-58b3-4b1c-a0ad-b0d1c0ffee00", metadata: ["b": "1", "a": "", "ключ": "значение"],
            payload: [0, 1, 255])
        let publisher = try KafkaPublisher(of: kafka, key: KeySelector { _ in Array("k".utf8) })
        try await publisher.publish([message, Message(id: "not-a-uuid", payload: [])], to: topic)
        await publisher.close()
        // What watermill-kafka's DefaultMarshaler writes: the id first, then the metadata; the payload is the value.
        let records = try await RawConsumer(kafka, topic).read(2)
        #expect(
            records[0].headers == [
                .init("_watermill_message_uuid", "6e0d1a5c-58b3-4b1c-a0ad-b0d1c0ffee00"), .init("b", "1"),
                .init("a", ""), .init("ключ", "значение"),
            ])
        #expect(records[0].value == [0, 1, 255])
        #expect(records[0].key == Array("k".utf8))
        #expect(records[1].headers == [.init("_watermill_message_uuid", "not-a-uuid")])
        #expect(records[1].value == [])
    }

    @Test func writesWhatAMarshalerAsksFor() async throws {
        struct Odd: KafkaMarshaler {
            func marshal(_ message: Message, to topic: Topic, into record: inout KafkaRecord) {
                switch message.metadata["kind"] {
                case "tombstone":
                    record.key = Array("gone".utf8)
                case "placed":
                    record.key = []
                    record.partition = 2
                    record.timestamp = Timestamp(millisecondsSince1970: 1_700_000_000_123)
                    record.value = []
                    record.headers.append("twice", "1")
                    record.headers.append("twice", [0, 255])
                    record.headers.appendNull("null")
                    record.headers.append("empty", "")
                default: record.value = message.payload
                }
            }
            func unmarshal(_ record: KafkaRecord, from topic: Topic) -> Message { Message(payload: []) }
        }
        let kafka = try KafkaUnderTest()
        let topic = try await kafka.topic()
        let publisher = try KafkaPublisher(of: kafka) {
            $0.marshaler = Odd()
            $0.timestamp = { _ in Timestamp(millisecondsSince1970: 1_600_000_000_000) }
        }
        for kind in ["tombstone", "placed", "plain"] {
            try await publisher.publish([Message(metadata: ["kind": kind], payload: [7])], to: topic)
        }
        await publisher.close()
        let records = try await RawConsumer(kafka, topic).read(3)
        let tombstone = try #require(records.first { $0.value == nil })
        #expect(tombstone.keyText == "gone")
        #expect(tombstone.headers.isEmpty)
        #expect(tombstone.timestamp == 1_600_000_000_000)
        let placed = try #require(records.first { $0.value == [] })
        #expect(placed.key == [])
        #expect(placed.partition == 2)
        #expect(placed.timestamp == 1_700_000_000_123)
        #expect(
            placed.headers == [
                .init("twice", "1"), .init(name: Array("twice".utf8), value: [0, 255]), .init("null", nil),
                .init("empty", ""),
            ])
        let plain = try #require(records.first { $0.value == [7] })
        #expect(plain.key == nil)
    }

    /// librdkafka takes small records together; large ones, and those with a time of their own, go alone.
    @Test func whatGoesTogetherAndWhatGoesAloneKeepItsOrder() async throws {
        struct Mixed: KafkaMarshaler {
            func marshal(_ message: Message, to topic: Topic, into record: inout KafkaRecord) throws {
                let number = try #require(Int(message.text))
                record.headers.append("number", message.text)
                record.value = number % 5 == 0 ? nil : Array(repeating: UInt8(number % 256), count: Self.size(number))
                if number % 7 == 0 { record.timestamp = Timestamp(millisecondsSince1970: 1_700_000_000_000) }
                if number % 11 == 0 { record.headers.appendNull("null") }
            }

            func unmarshal(_ record: KafkaRecord, from topic: Topic) -> Message { Message(payload: []) }

            static func size(_ number: Int) -> Int { number % 13 == 0 ? 20_000 : number % 4 * 100 }
        }
        let kafka = try KafkaUnderTest()
        let topic = try await kafka.topic()
        let publisher = try KafkaPublisher(of: kafka, key: KeySelector { _ in Array("k".utf8) }) {
            $0.marshaler = Mixed()
            // Far less than a batch, so that one is taken in pieces.
            $0.queuedMessages = 50
        }
        try await publisher.publish((0..<1_000).map { Message(payload: Array("\($0)".utf8)) }, to: topic)
        await publisher.close()
        let records = try await RawConsumer(kafka, topic).read(1_000)
        for (number, record) in records.enumerated() {
            #expect(record.headers.first == .init("number", "\(number)"))
            #expect(record.headers.count == (number % 11 == 0 ? 2 : 1))
            #expect(record.keyText == "k")
            #expect(
                record.value
                    == (number % 5 == 0 ? nil : Array(repeating: UInt8(number % 256), count: Mixed.size(number))))
            #expect((record.timestamp == 1_700_000_000_000) == (number % 7 == 0))
        }
    }

    @Test(arguments: ["gzip", "snappy", "lz4", "zstd"])
    func compresses(_ name: String) async throws {
        let kafka = try KafkaUnderTest()
        let topic = try await kafka.topic()
        let publisher = try KafkaPublisher(of: kafka) { $0.compression = .init(name: name) }
        let text = String(repeating: "compressible ", count: 1_000)
        try await publisher.publish([text, text], to: topic)
        await publisher.close()
        #expect(try await RawConsumer(kafka, topic).read(2).texts == [text])
    }

    @Test func keepsTheOrderOfEachKeyOverFiftyPublishersAtOnce() async throws {
        let kafka = try KafkaUnderTest()
        let topic = try await kafka.topic()
        let publisher = try KafkaPublisher(of: kafka, key: .metadata("key"))
        try await withThrowingDiscardingTaskGroup { group in
            for key in 0..<50 {
                group.addTask {
                    for batch in 0..<10 {
                        let messages = (0..<10).map { Message(key: "\(key)", "\(key):\(batch * 10 + $0)") }
                        try await publisher.publish(messages, to: topic)
                    }
                }
            }
        }
        await publisher.close()
        let records = try await RawConsumer(kafka, topic).read(5_000)
        #expect(records.count == 5_000)
        let byKey = records.textsByKey
        for key in 0..<50 { #expect(byKey["\(key)"] == (0..<100).map { "\(key):\($0)" }) }
        // Keys are spread, and each has one partition.
        #expect(Set(records.map(\.partition)).count > 1)
        for (_, ofKey) in Dictionary(grouping: records, by: \.keyText) {
            #expect(Set(ofKey.map(\.partition)).count == 1)
        }
    }

    /// FNV-1a, 32 bits, as Sarama's hash partitioner has it.
    @Test func aKeyHasThePartitionThatWatermillGivesIt() async throws {
        let kafka = try KafkaUnderTest()
        let topic = try await kafka.topic()
        let publisher = try KafkaPublisher(of: kafka, key: .metadata("key"))
        try await publisher.publish((0..<40).map { Message(key: "key-\($0)", "") }, to: topic)
        await publisher.close()
        for record in try await RawConsumer(kafka, topic).read(40) {
            let hash = (record.key ?? []).reduce(UInt32(0x811C_9DC5)) { ($0 ^ UInt32($1)) &* 0x0100_0193 }
            let signed = Int32(bitPattern: hash) % 4
            #expect(record.partition == abs(signed))
        }
    }

    @Test func aMessageThatIsTooLargeIsPoisonAndHoldsUpNoOther() async throws {
        let kafka = try KafkaUnderTest()
        let topic = try await kafka.topic()
        let publisher = try KafkaPublisher(of: kafka)
        let large = Message(payload: [UInt8](repeating: 0, count: 2_000_000))
        let messages = [Message(payload: [1]), large, Message(payload: [2])]
        let error = await #expect(throws: PublishError.self) { try await publisher.publish(messages, to: topic) }
        #expect(error?.notAccepted == [large.id])
        #expect(error?.disposition == .poison("kafka_msg_size_too_large"))
        #expect((error?.underlying as? KafkaError)?.code == .tooLarge)
        await publisher.close()
        #expect(try await Set(RawConsumer(kafka, topic).read(2).map(\.value)) == [[1], [2]])
    }

    @Test func aMessageThatCannotBeMarshalledFailsAlone() async throws {
        struct Picky: KafkaMarshaler {
            func marshal(_ message: Message, to topic: Topic, into record: inout KafkaRecord) throws {
                guard !message.payload.isEmpty else { throw KafkaError(.malformed, detail: "empty") }
                record.value = message.payload
            }
            func unmarshal(_ record: KafkaRecord, from topic: Topic) -> Message { Message(payload: []) }
        }
        let kafka = try KafkaUnderTest()
        let topic = try await kafka.topic()
        let publisher = try KafkaPublisher(of: kafka) { $0.marshaler = Picky() }
        let messages = [Message(payload: []), Message(payload: [1]), Message(payload: [])]
        let error = await #expect(throws: PublishError.self) { try await publisher.publish(messages, to: topic) }
        #expect(error?.notAccepted == [messages[0].id, messages[2].id])
        #expect(error?.disposition.isPermanent == true)
        await publisher.close()
        #expect(try await RawConsumer(kafka, topic).read(1).map(\.value) == [[1]])
    }

    @Test(arguments: ["", ".", "..", "with space", "slash/", "ü", "zero\0", String(repeating: "a", count: 250)])
    func refusesNamesThatKafkaHasNotGot(_ name: String) async throws {
        let kafka = try KafkaUnderTest()
        let publisher = try KafkaPublisher(of: kafka)
        let error = await #expect(throws: KafkaError.self) {
            try await publisher.publish([Message(payload: [])], to: Topic(name))
        }
        #expect(error?.detail.hasPrefix("the name of the topic ") == true)
        #expect(error?.reason == "kafka_topic_exception")
        await publisher.close()
    }
}
