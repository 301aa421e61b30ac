import Sluice
import SluiceAMQP
import SluiceTestBrokers
import SluiceTesting
import Testing

/// Headers of every type that RabbitMQ takes, written by hand and read through a real broker.
@Suite(.enabled(if: RabbitMQBroker.isInstalled, "needs rabbitmq-server (Debian's package)"), .timeLimit(.minutes(10)))
struct BrokerFieldTests {
    @Test func everyTypeOfFieldBecomesText() async throws {
        let fields: [(name: String, type: Character, bytes: [UInt8], text: String)] = [
            ("true", "t", [1], "true"), ("false", "t", [0], "false"),
            ("int8", "b", AMQPBytes.big(Int8.min), "-128"), ("uint8", "B", [255], "255"),
            ("int16", "s", AMQPBytes.big(Int16.min), "-32768"), ("uint16", "u", AMQPBytes.big(UInt16.max), "65535"),
            ("int32", "I", AMQPBytes.big(Int32.min), "-2147483648"),
            ("uint32", "i", AMQPBytes.big(UInt32.max), "4294967295"),
            ("int64", "l", AMQPBytes.big(Int64.min), "-9223372036854775808"),
            ("float", "f", AMQPBytes.big(Float(1.5).bitPattern), "1.5"),
            ("double", "d", AMQPBytes.big((-0.1).bitPattern), "-0.1"),
            ("decimal", "D", [2] + AMQPBytes.big(Int32(12_345)), "123.45"),
            ("text", "S", AMQPBytes.long("Zürich 🚀".utf8), "Zürich 🚀"), ("empty", "S", AMQPBytes.long([]), ""),
            ("bytes", "x", AMQPBytes.long([0, 1, 0xFF]), "0001ff"),
            ("not UTF-8", "S", AMQPBytes.long([0xC3, 0x28]), "c328"),
            ("time", "T", AMQPBytes.big(UInt64(1_700_000_000)), "1700000000"),
            ("nothing", "V", [], ""),
            ("list", "A", AMQPBytes.long([0x74, 1, 0x49, 0, 0, 0, 7, 0x56]), "[true,7,null]"),
            (
                "table", "F",
                AMQPBytes.table(
                    AMQPBytes.entry("a \"b\"", "S", AMQPBytes.long("c\n".utf8)),
                    AMQPBytes.entry("d", "F", AMQPBytes.table())),
                #"{"a \"b\"":"c\n","d":{}}"#
            ),
        ]
        let amqp = try await AMQPUnderTest.shared()
        let broker = try amqp.administration()
        let topic = amqp.uniqueTopic("fields")
        let subscriber = try amqp.subscriber()
        let subscription = try await subscriber.subscribe(to: topic)
        let raw = try RawAMQPClient(port: broker.port)
        let table = AMQPBytes.long(fields.flatMap { AMQPBytes.entry($0.name, $0.type, $0.bytes) })
        try raw.publish(to: topic.name, [1, 2, 3], properties: AMQPBytes.headers(table))
        let delivery = try await subscription.first()
        #expect(delivery.message.payload == [1, 2, 3])
        for field in fields {
            #expect(delivery.message.metadata[field.name] == field.text, "\(field.name)")
        }
        #expect(delivery.message.metadata.count == fields.count)
        // It comes back the same when it has waited in another queue.
        delivery.reject(after: .milliseconds(1))
        let again = try await subscription.first()
        #expect(Set(again.message.metadata.filter { $0.name != "amqp_redelivered" }) == Set(delivery.message.metadata))
        again.acknowledge()
        await subscriber.close()
    }

    /// What a frame holds of them: looked for one by one, their names take as long as nothing may.
    @Test func moreHeadersThanAMessageMayHaveAreAFailure() async throws {
        let amqp = try await AMQPUnderTest.shared()
        let broker = try amqp.administration()
        let topic = amqp.uniqueTopic("many")
        let subscriber = try amqp.subscriber()
        let subscription = try await subscriber.subscribe(to: topic)
        let raw = try RawAMQPClient(port: broker.port)
        let table = AMQPBytes.long((0..<10_000).flatMap { AMQPBytes.entry("h\($0)", "V", []) })
        try raw.publish(to: topic.name, [1, 2, 3], properties: AMQPBytes.headers(table))
        let delivery = try await subscription.first()
        #expect(delivery.origin.failure is MetadataError)
        #expect(delivery.message.payload == [1, 2, 3] && delivery.message.metadata.count == MetadataLimits.count)
        delivery.acknowledge()
        await subscriber.close()
    }

    @Test func everyPropertyBecomesMetadataAndAPropertyAgain() async throws {
        let amqp = try await AMQPUnderTest.shared()
        let broker = try amqp.administration()
        let topic = amqp.uniqueTopic("properties")
        let subscriber = try amqp.subscriber()
        let subscription = try await subscriber.subscribe(to: topic)
        let raw = try RawAMQPClient(port: broker.port)
        let short = AMQPBytes.short
        // All fourteen; the user is checked by the broker.
        let properties =
            AMQPBytes.big(UInt16(0xFFF8)) + short("application/json") + short("gzip") + AMQPBytes.table() + [2, 5]
            + short("correlation") + short("reply") + short("60000") + short("message 1")
            + AMQPBytes.big(UInt64(1_700_000_000)) + short("kind") + short("guest") + short("program")
        try raw.publish(to: topic.name, [1], properties: properties)
        let delivery = try await subscription.first()
        let expected: Metadata = [
            "amqp_content_type": "application/json", "amqp_content_encoding": "gzip", "amqp_priority": "5",
            "amqp_correlation_id": "correlation", "amqp_reply_to": "reply", "amqp_expiration": "60000",
            "amqp_message_id": "message 1", "amqp_timestamp": "1700000000", "amqp_type": "kind",
            "amqp_user_id": "guest", "amqp_app_id": "program",
        ]
        #expect(Set(delivery.message.metadata) == Set(expected))
        #expect(delivery.message.id == "message 1")
        delivery.acknowledge()

        let publisher = try amqp.publisher()
        try await publisher.publish([delivery.message], to: topic)
        let again = try await subscription.first()
        let published = expected.filter { !["amqp_user_id", "amqp_expiration"].contains($0.name) }
        #expect(Set(again.message.metadata) == Set(published))
        again.acknowledge()
        await publisher.close()
        await subscriber.close()
    }

    /// A copy that waits is not dropped, nor comes back early, when the original would have expired meanwhile.
    @Test func aRejectedMessageWaitsForLongerThanItsExpiration() async throws {
        let amqp = try await AMQPUnderTest.shared()
        let broker = try amqp.administration()
        let topic = amqp.uniqueTopic("expiring")
        let subscriber = try amqp.subscriber()
        let subscription = try await subscriber.subscribe(to: topic)
        let raw = try RawAMQPClient(port: broker.port)
        try raw.publish(
            to: topic.name, [1], properties: AMQPBytes.big(UInt16(0x0100)) + AMQPBytes.short("3000"))
        let delivery = try await subscription.first()
        #expect(delivery.message.metadata["amqp_expiration"] == "3000")
        let start = ContinuousClock.now
        delivery.reject(after: .seconds(5))
        let again = try await subscription.first()
        #expect(ContinuousClock.now - start >= .milliseconds(4_990))
        again.acknowledge()
        await subscriber.close()
    }

    /// What is deeper than any program means is an end for the message at most, not for the program.
    @Test(arguments: ["F", "A"])
    func survivesDeepHeadersOfAnotherProgram(_ type: Character) async throws {
        let amqp = try await AMQPUnderTest.shared()
        let broker = try amqp.administration()
        let topic = amqp.uniqueTopic("deep")
        let subscriber = try amqp.subscriber()
        let subscription = try await subscriber.subscribe(to: topic)
        let raw = try RawAMQPClient(port: broker.port)
        try raw.publish(
            to: topic.name, Array("deep".utf8),
            properties: AMQPBytes.headers(WireFuzzTests.nested(type, bytes: 100_000)))
        try raw.publish(to: topic.name, Array("fine".utf8))
        var payloads: [String] = []
        try await eventually("the message behind it") {
            for delivery in try subscription.take(16) ?? [] {
                payloads.append(String(decoding: delivery.message.payload, as: UTF8.self))
                delivery.acknowledge()
            }
            return payloads.contains("fine")
        }
        await subscriber.close()
    }
}
