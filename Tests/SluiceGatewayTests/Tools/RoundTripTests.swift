import GatewayTestSupport
import Logging
import Sluice
import SluiceAMQP
import SluiceKafka
import SluiceTestBrokers
import SluiceTesting
import Testing

@testable import SluiceGateway

/// `sluice consume --format json | sluice publish --format json` changes no message.
@Suite(.timeLimit(.minutes(10)))
struct RoundTripTests {
    private static let json: PublishTool = {
        var tool = PublishTool()
        tool.format = .json
        return tool
    }()

    private func tool(_ count: Int) -> ConsumeTool {
        var tool = ConsumeTool()
        tool.format = .json
        tool.count = count
        return tool
    }

    private func text(_ messages: [CarriedMessage]) -> [String] {
        messages.map { message in
            String(
                decoding: MessageFormat.json.encode(message, Delivery.Origin(key: message.key), topic: "t"),
                as: UTF8.self)
        }
    }

    private func carried(_ lines: [String]) throws -> [CarriedMessage] {
        try lines.map { try MessageFormat.json.decodeCarried(Array($0.utf8)) }
    }

    /// Through the broker, out of it as JSON, in again, and out once more.
    private func roundTrip(
        _ messages: [CarriedMessage], _ address: BrokerAddress, from first: Topic, to second: Topic,
        ordered: Bool = true
    ) async throws {
        let count = messages.count
        #expect(try await address.publish(text(messages), Self.json, to: first) == count)
        let lines = try await address.consume(tool(count), of: first)
        #expect(try await address.publish(lines.map { $0 + "\n" }, Self.json, to: second) == count)
        for (topic, lines) in [(first, lines), (second, try await address.consume(tool(count), of: second))] {
            let read = try carried(lines)
            if ordered {
                #expect(read.count == messages.count)
                for (read, message) in zip(read, messages) { #expect(read == message, "\(topic)") }
            } else {
                #expect(Set(read.map(\.message)) == Set(messages.map(\.message)), "\(topic)")
                let all = Dictionary(
                    uniqueKeysWithValues: messages.map {
                        ($0.message.payload + Array($0.message.id.description.utf8), $0)
                    })
                for message in read {
                    #expect(all[message.message.payload + Array(message.message.id.description.utf8)] == message)
                }
            }
        }
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func theTextOfAMessageIsTheMessage(seed: UInt64) throws {
        var messages = RandomMessages(random: SeededGenerator(seed: seed), hasExactMetadata: true)
        for _ in 0..<300 {
            let message = messages.next()
            let line = MessageFormat.json.encode(message, Delivery.Origin(key: message.key), topic: "t")
            #expect(line.count { $0 == UInt8(ascii: "\n") } == 1)
            #expect(try MessageFormat.json.decodeCarried(line.dropLast()) == message)
        }
    }

    @Test(arguments: [
        "1.10e+2", "12345678901234567890", "-0", "0.1000", "[1, 2]", #"{"b":1,"a":{"a":1,"a":2}}"#, "true", "1E400",
    ])
    func aPayloadThatIsNoStringIsTakenAsItIsWritten(json: String) throws {
        let message = try MessageFormat.json.decode(Array("{ \"payload\" : \(json) }".utf8))
        #expect(message.payload == Array(json.utf8))
    }

    @Test func theLogKeepsAMessage() async throws {
        let directory = try TemporaryDirectory()
        var messages = RandomMessages(random: SeededGenerator(seed: 4))
        try await roundTrip(
            messages.lines(300), .sqlite(path: directory.path + "/log.sqlite"), from: "one", to: "two")
    }

    @Test func messagesOfOneIDKeepTheirOwnKeys() async throws {
        let directory = try TemporaryDirectory()
        let messages = (0..<10).map { number in
            CarriedMessage(Message(id: "same", payload: [UInt8(number)]), key: [UInt8(number)])
        }
        try await roundTrip(messages, .sqlite(path: directory.path + "/log.sqlite"), from: "one", to: "two")
    }

    @Test func kafkaKeepsAMessage() async throws {
        let kafka = try KafkaForTests()
        let topics = try KafkaTopics(kafka.client, logger: Logger(label: "test"))
        let (first, second) = (Topic(kafka.topic), Topic("\(kafka.topic)-2"))
        for topic in [first, second] { try await topics.create(topic, partitions: 1, replication: nil, retention: nil) }
        await topics.close()
        var messages = RandomMessages(random: SeededGenerator(seed: 5), hasExactMetadata: true)
        try await roundTrip(messages.lines(200), .kafka(kafka.client), from: first, to: second, ordered: false)
    }

    @Test(.enabled(if: RabbitMQBroker.isInstalled, "needs rabbitmq-server"))
    func rabbitMQKeepsAMessage() async throws {
        let broker = try await RabbitMQBroker.shared()
        let address = BrokerAddress.amqp(try AMQPConfiguration(uri: broker.uri()))
        let name = "round-\(MessageID())"
        var messages = RandomMessages(random: SeededGenerator(seed: 6), hasKeys: false)
        try await roundTrip(messages.lines(200), address, from: Topic(name), to: Topic(name + "-2"))
    }

    /// A request is the broker here: what is posted is what comes out.
    @Test func httpKeepsAMessage() async throws {
        let port = try HeldPort()
        defer { withExtendedLifetime(port) {} }
        let address = try BrokerAddress("http://127.0.0.1:\(port.number)")
        var messages = RandomMessages(random: SeededGenerator(seed: 7), hasKeys: false, hasAnyID: false)
        let sent = messages.lines(50)
        let tool = tool(sent.count)
        async let lines = address.consume(tool)
        try await eventually("it listens") {
            (try? await address.publish(text([sent[0]]), Self.json)) == 1
        }
        #expect(try await address.publish(text(Array(sent.dropFirst())), Self.json) == sent.count - 1)
        let read = try carried(try await lines)
        #expect(Set(read.map(\.message)) == Set(sent.map(\.message)))
    }
}
