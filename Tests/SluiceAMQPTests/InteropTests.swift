import Foundation
import Sluice
import SluiceAMQP
import SluiceTestBrokers
import SluiceTesting
import Testing

/// Another client of RabbitMQ, pika, reads what Sluice publishes and the other way round.
@Suite(
    .enabled("needs pika (SLUICE_PYTHON names a python that has it)") { await Pika.isInstalled() },
    .enabled(if: AMQPUnderTest.isAvailable, AMQPUnderTest.need), .timeLimit(.minutes(10)))
struct InteropTests {
    @Test func consumesWhatPikaPublishes() async throws {
        let amqp = try await AMQPUnderTest.shared()
        let topic = amqp.uniqueTopic("from-pika")
        let subscriber = try amqp.subscriber()
        let subscription = try await subscriber.subscribe(to: topic)
        try await Pika.run(
            """
            queue = arguments[0]
            publish(queue, b'plain')
            publish(queue, bytes(range(256)), message_id='order/42', content_type='application/octet-stream')
            publish(queue, b'', headers={
                'text': 'Zürich', 'yes': True, 'small': 7, 'large': 2**40, 'negative': -3, 'decimal': decimal.Decimal('1.25'),
                'time': datetime.datetime(2023, 11, 14, 22, 13, 20, tzinfo=datetime.timezone.utc),
                'bytes': b'\\xff\\x00', 'nothing': None, 'list': [1, 'two', [3]], 'table': {'a': {'b': 'c'}}})
            publish(queue, b'x' * 1_000_000)
            """, uri: amqp.uri, [topic.name])
        let plain = try await subscription.first()
        #expect(plain.message.payload == Array("plain".utf8) && plain.message.metadata.isEmpty)
        let binary = try await subscription.first()
        #expect(binary.message.payload == Array(0...255) && binary.message.id == "order/42")
        #expect(binary.message.metadata["amqp_content_type"] == "application/octet-stream")
        let headers = try await subscription.first().message.metadata
        let expected: Metadata = [
            "text": "Zürich", "yes": "true", "small": "7", "large": "1099511627776", "negative": "-3",
            "decimal": "1.25", "time": "1700000000", "bytes": "ff00", "nothing": "", "list": #"[1,"two",[3]]"#,
            "table": #"{"a":{"b":"c"}}"#,
        ]
        for entry in expected { #expect(headers[entry.name] == entry.value, "\(entry.name)") }
        let large = try await subscription.first()
        #expect(large.message.payload == [UInt8](repeating: UInt8(ascii: "x"), count: 1_000_000))
        await subscriber.close()
    }

    @Test func pikaConsumesWhatIsPublished() async throws {
        let amqp = try await AMQPUnderTest.shared()
        let topic = amqp.uniqueTopic("to-pika")
        let publisher = try amqp.publisher()
        let messages = [
            Message(id: "order/1", metadata: ["city": "Zürich", "empty": ""], payload: Array(0...255)),
            Message(payload: []),
            Message(
                metadata: ["amqp_content_type": "application/json", "amqp_correlation_id": "c"],
                payload: Array("{}".utf8)),
        ]
        try await publisher.publish(messages, to: topic)
        let answers = try await Pika.run(
            """
            for method, properties, body in consume(arguments[0], 3):
                answer([base64.b64encode(body).decode(), properties.headers, properties.delivery_mode,
                    properties.content_type, properties.correlation_id])
            """, uri: amqp.uri, [topic.name])
        #expect(answers.count == 3)
        for (answer, message) in zip(answers, messages) {
            let parts = try #require(answer as? [Any])
            #expect(parts[0] as? String == Data(message.payload).base64EncodedString())
            var headers = try #require(parts[1] as? [String: String])
            #expect(headers.removeValue(forKey: "_watermill_message_uuid") == message.id.description)
            #expect(parts[2] as? Int == 2)
            let own = message.metadata.filter { !$0.name.hasPrefix("amqp_") }
            #expect(headers == Dictionary(uniqueKeysWithValues: own.map { ($0.name, $0.value) }))
            #expect(parts[3] as? String == message.metadata["amqp_content_type"])
            #expect(parts[4] as? String == message.metadata["amqp_correlation_id"])
        }
        await publisher.close()
    }

    @Test func aScriptThatFailsSaysWhy() async throws {
        let amqp = try await AMQPUnderTest.shared()
        let error = await #expect(throws: Pika.Failed.self) {
            try await Pika.run("raise ValueError('an answer of ' + str(40 + 2))", uri: amqp.uri)
        }
        #expect(error?.description.hasPrefix("pika (1): ValueError: an answer of 42\n") == true)
        #expect(error?.description.contains("Traceback") == true)
    }

    /// watermill-amqp's DefaultMarshaler by hand: the id in a header, metadata in headers of text.
    @Test func speaksWatermillsForm() async throws {
        let amqp = try await AMQPUnderTest.shared()
        let topic = amqp.uniqueTopic("watermill")
        let subscriber = try amqp.subscriber()
        let subscription = try await subscriber.subscribe(to: topic)
        let id = "0d2f8f2e-5d8c-4b57-9a5c-2f1f7c1d2e3a"
        try await Pika.run(
            """
            publish(arguments[0], b'payload', delivery_mode=2, headers={
                '_watermill_message_uuid': arguments[1], 'correlation_id': 'abc', 'received_messages_count': '1'})
            """, uri: amqp.uri, [topic.name, id])
        let delivery = try await subscription.first()
        #expect(delivery.message.id == MessageID(id) && delivery.message.payload == Array("payload".utf8))
        #expect(delivery.message.metadata == ["correlation_id": "abc", "received_messages_count": "1"])
        delivery.acknowledge()
        await subscriber.close()

        let publisher = try amqp.publisher()
        try await publisher.publish([delivery.message], to: topic)
        let answers = try await Pika.run(
            """
            for method, properties, body in consume(arguments[0], 1):
                answer([body.decode(), properties.headers, properties.delivery_mode])
            """, uri: amqp.uri, [topic.name])
        let parts = try #require(answers.first as? [Any])
        #expect(parts[0] as? String == "payload")
        #expect(
            parts[1] as? [String: String]
                == ["_watermill_message_uuid": id, "correlation_id": "abc", "received_messages_count": "1"])
        #expect(parts[2] as? Int == 2)
        await publisher.close()
    }

    /// The presets declare what watermill-amqp declares: another client that declares the same is not refused.
    @Test func declaresWhatWatermillDeclares() async throws {
        let amqp = try await AMQPUnderTest.shared()
        let topics = (0..<4).map { amqp.uniqueTopic("declared-\($0)") }
        let subscribers = [
            try amqp.subscriber(.durableQueue), try amqp.subscriber(.nonDurableQueue),
            try amqp.subscriber(.durablePubSub(queue: .topic(suffix: "g"))),
            try amqp.subscriber(.nonDurablePubSub(queue: .topic(suffix: "g"))),
        ]
        for (topic, subscriber) in zip(topics, subscribers) { _ = try await subscriber.subscribe(to: topic) }
        try await Pika.run(
            """
            durable, transient, fanout, passing = arguments
            channel.queue_declare(durable, durable=True)
            channel.queue_declare(transient)
            channel.exchange_declare(fanout, 'fanout', durable=True)
            channel.queue_declare(fanout + '_g', durable=True)
            channel.exchange_declare(passing, 'fanout')
            channel.queue_declare(passing + '_g')
            """, uri: amqp.uri, topics.map(\.name))
        for subscriber in subscribers { await subscriber.close() }
    }
}
